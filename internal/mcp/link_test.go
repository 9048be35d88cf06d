package mcp

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestRepliesThatAreNotTaken: a server that does not take a reply gets the later ones
// all the same, and the attempt ends with the link.
func TestRepliesThatAreNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pings := make(chan string, 2)
		tried := 0
		write := func(ctx context.Context, _ []byte) error {
			tried++
			<-ctx.Done()
			return ctx.Err()
		}
		next := func() ([]byte, error) {
			ping, ok := <-pings
			if !ok {
				return nil, io.EOF
			}
			return []byte(ping), nil
		}
		l := newLink(write, next, func() { close(pings) })
		for range 2 {
			pings <- `{"jsonrpc":"2.0","id":1,"method":"ping"}`
		}
		time.Sleep(replyTime + replyTime/2)
		l.abandon()
		synctest.Wait()
		if tried != 2 {
			t.Errorf("%d replies were tried, want 2", tried)
		}
	})
}
