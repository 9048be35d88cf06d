package mcp

import (
	"errors"
	"net/http"
	"testing"

	"github.com/mcpdiag/mcpdiag/internal/client"
)

// TestConnectAsksForARevision checks that the error for a revision that a server does
// not speak names the one that it speaks, older or newer.
func TestConnectAsksForARevision(t *testing.T) {
	for _, tc := range []struct{ server, asked, speaks string }{
		{"ts-sdk1-json", Modern, Legacy},
		{"ts-sdk1-sse", Modern, Legacy},
		{"go-sdk-stateful-sse", Modern, Legacy},
		{"ts-sdk2-modern-only", Legacy, Modern},
		{"ts-sdk2-modern-only", Modern, ""},
		{"go-sdk-stateless-json", Modern, ""},
		{"ts-sdk1-json", Legacy, ""},
		{"ts-sdk2", Legacy, ""},
	} {
		t.Run(tc.server+" "+tc.asked, func(t *testing.T) {
			s, err := Connect(t.Context(), newReplay(t, tc.server), tc.asked)
			if tc.speaks == "" {
				if err != nil || s.Era().Version != tc.asked {
					t.Fatalf("%+v, %v", s, err)
				}
				return
			}
			var other *RevisionError
			if !errors.As(err, &other) || other.Speaks != tc.speaks || other.Asked != tc.asked {
				t.Errorf("error %v, want that it speaks %s", err, tc.speaks)
			}
		})
	}
}

// TestConnectWithoutDiscover checks that a server may speak the modern revision without
// server/discover, and that a server without any answer keeps its own error.
func TestConnectWithoutDiscover(t *testing.T) {
	status := http.StatusNotFound
	ep := new(server).start(t, func(w http.ResponseWriter, _ *http.Request, _ asked) { w.WriteHeader(status) })
	if s, err := Connect(t.Context(), ep, Modern); err != nil || s.Era().Version != Modern {
		t.Errorf("%+v, %v", s, err)
	}
	status = http.StatusInternalServerError
	var refused *client.StatusError
	if _, err := Connect(t.Context(), ep, Legacy); !errors.As(err, &refused) || refused.Code != status {
		t.Errorf("error %v", err)
	}
}
