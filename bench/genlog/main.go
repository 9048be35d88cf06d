// Command genlog writes a log as a structured logger writes it, for bench/logs.sh.
package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// main writes a log of a structured logger: the number of lines is its argument.
func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		os.Exit(2)
	}
	r := rand.New(rand.NewPCG(1, 2))
	w := bufio.NewWriter(os.Stdout)
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for i := range n {
		at = at.Add(time.Duration(r.ExpFloat64() * float64(100*time.Millisecond)))
		ts := at.Format("2006-01-02T15:04:05.000Z")
		req := fmt.Sprintf("%016x", r.Uint64())
		ep := []string{"/mcp", "/sse", "/health"}[r.IntN(3)]
		user := r.IntN(40)
		switch k := r.IntN(100); {
		case k < 2:
			fmt.Fprintf(w, `{"timestamp":%q,"level":"warn","event":"authentication_failed","user_id":"user-%d","reason":%q,"request_id":%q,"endpoint":%q,"status":401}`+"\n", ts, user, []string{"expired_token", "invalid_signature", "unknown_user"}[r.IntN(3)], req, ep)
		case k < 3:
			fmt.Fprintf(w, `{"timestamp":%q,"level":"error","event":"request_failed","error_type":"database_error","error_message":"statement timeout","query":"SELECT * FROM t WHERE id = %d","request_id":%q,"endpoint":%q,"duration_ms":%.1f,"status":500}`+"\n", ts, i, req, ep, 5000+r.Float64()*10)
		case k < 5:
			fmt.Fprintf(w, `{"timestamp":%q,"level":"info","event":"rate_limit_exceeded","user_id":"user-%d","endpoint":%q,"request_id":%q}`+"\n", ts, user, ep, req)
		default:
			fmt.Fprintf(w, `{"timestamp":%q,"level":"info","event":"request_completed","request_id":%q,"endpoint":%q,"user_id":"user-%d","method":"POST","session_id":"s-%d","duration_ms":%.1f,"status":200,"host":"mcp-server-7d8f9c4b5-abc12","version":"1.4.2","trace":{"sampled":true,"span":"%08x"},"message":"request completed"}`+"\n", ts, req, ep, user, r.IntN(500), r.ExpFloat64()*200, r.Uint32())
		}
	}
	if err := w.Flush(); err != nil {
		os.Exit(1)
	}
}
