package mcp

import (
	"strings"
	"testing"
)

// FuzzJudge checks that the envelope says what the whole message says, or nothing.
func FuzzJudge(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a \" } b\\"}]}}`, `{"id":1,"result":{"isError":true,"content":[{"text":"no"}]}}`,
		` {"result":{"isError":false} , "id":1} `, `{"id":1,"error":{"code":-1,"message":"x"}}`, `{"id":1,"result":{},"result":{}}`, `{"id":1,"result":{}}x`,
		`{"id":"1","result":{}}`, `{"id":1,"\u0072esult":{}}`, `{"id":1,"result":{"resultType":"input_required"}}`, `{"id":1,"result":[]}`, `{"id":1,"method":"ping","result":{}}`,
		`{"id":1,"result":{"isError":0}}`, `{"id":1,"result":{"a":[[{"b":"]"}]]}}`, `{}`, `{`, `null`, `{"id":1,"result":{"structuredContent":{"isError":true}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, err := judge(data, 1, true)
		if err != nil {
			return // the envelope is not the whole
		}
		quick, quickErr := judge(data, 1, false)
		if quickErr != nil || quick.isError != whole.isError || quick.inputRequired != whole.inputRequired {
			t.Errorf("%s: the envelope says %+v, %v; the whole %+v", data, quick, quickErr, whole)
		}
	})
}

// TestEnvelopeGivesUp checks that nothing but plain success passes for it.
func TestEnvelopeGivesUp(t *testing.T) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{},"result":{"isError":true}}`, `{"jsonrpc":"2.0","id":1,"result":{}} {}`, `{"jsonrpc":"2.0","id":1,"result":{}}garbage`, `{"jsonrpc":"2.0","id":1,"result":{"a":1}x}`, `{"id":1,"result":{}`, `{"id":1,"result":{"isError":true}}`,
		`{"id":1,"result":{"isError":false,"isError":true}}`, `{"id":1,"result":{"is\u0045rror":true}}`, `{"id":1,"error":{}}`, `{"id":1,"result":5}`, `{"id":1}`, ``,
		`{"id":1,"result":{"a":` + strings.Repeat("[", 20_000) + `}`,
	} {
		if e, ok := openEnvelope([]byte(text)); ok && e.succeeded() {
			t.Errorf("%.80s looks like success", text)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	data := []byte(`{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"` + strings.Repeat("some words of text ", 10) + `"}]}}`)
	for _, whole := range []bool{false, true} {
		b.Run(map[bool]string{false: "read=envelope", true: "read=whole"}[whole], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := judge(data, 7, whole); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
