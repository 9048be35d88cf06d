package filter

import (
	"testing"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/logline"
	"github.com/mcpdiag/mcpdiag/internal/logs/input"
)

// A comparison with a missing value is false, and the rest of the condition counts.
func TestMissing(t *testing.T) {
	t.Parallel()
	entry := func(line string, fields logline.Record) *input.Entry {
		fields.Inner = []byte(line)
		return &input.Entry{Record: &fields, Source: &input.Source{}}
	}
	bare := entry(`{"msg":"a"}`, logline.Record{Message: []byte("a")})
	full := entry(`{"retries":1,"took":"500ms","name":""}`, logline.Record{Level: logline.Info, Status: 200, HasDuration: true, Message: []byte("a")})
	full.Known, full.Nanos = true, time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC).UnixNano()
	for condition, want := range map[string][2]bool{ // for bare and full
		`status < 400`: {false, true}, `400 > status`: {false, true}, `not status < 400`: {true, false}, `not (status < 400)`: {true, false},
		`duration < 1s`: {false, true}, `1s >= duration`: {false, true}, `duration == 0s`: {false, true}, `exists(duration)`: {false, true}, `not exists(status)`: {true, false},
		`level < warn`: {false, true}, `level != error`: {true, true}, `time < date("2026-11-26T00:00:00Z")`: {false, true},
		`status < 400 or message == "a"`: {true, true}, `message == "a" or duration < 1s`: {true, true}, `not duration > 1s and message == "a"`: {true, true},
		`.retries < 2`: {false, true}, `.retries > 2 or message == "a"`: {true, true}, `not .retries > 2`: {true, true}, `.took < 1s or message == "b"`: {false, true},
		`2 > .retries`: {false, true}, `.name == ""`: {false, true}, `.retries != 1`: {true, false}, `.retries <= .took or message == "a"`: {true, true}, `.retries > .retries or .retries >= .retries`: {false, true}, `"x" == .name or "" == .name`: {false, true},
	} {
		c, err := Parse(condition)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		if got := [2]bool{c.Match(bare), c.Match(full)}; got != want {
			t.Errorf("%s: %v, want %v", condition, got, want)
		}
	}
}
