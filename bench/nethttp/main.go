// Command nethttp generates load in the usual way, on net/http with one connection
// kept alive for each user: the peer of the benchmarks of latency and throughput.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "nethttp:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(out io.Writer) error {
	users := flag.Int("users", 40, "users, each with a session of its own")
	duration := flag.Duration("duration", 4*time.Second, "how long they call")
	open := flag.Bool("session", false, "only open a session, and print its id")
	flag.Parse()
	transport := &http.Transport{MaxIdleConnsPerHost: *users}
	one := user{url: flag.Arg(0), client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
	if *open {
		err := one.open()
		fmt.Fprintln(out, one.session)
		return err
	}
	return load(one, *users, *duration, out)
}

// load lets users call for a time and prints the result.
func load(one user, users int, duration time.Duration, out io.Writer) error {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	start := time.Now()
	for range users {
		wg.Go(func() {
			mine := one
			latencies, err := mine.run(start.Add(duration))
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, latencies...), errors.Join(failed, err)
		})
	}
	wg.Wait()
	took := time.Since(start)
	if failed != nil || len(all) == 0 {
		return failed
	}
	slices.Sort(all)
	fmt.Fprintf(out, "%.1f calls/s, p99 %.3f ms\n", float64(len(all))/took.Seconds(), float64(all[len(all)*99/100].Microseconds())/1000)
	return nil
}

type user struct {
	url, session string
	client       *http.Client
	seq          int
}

// run is the whole life of a user, and how long each of its calls took.
func (u *user) run(until time.Time) (latencies []time.Duration, err error) {
	if err := u.open(); err != nil {
		return nil, err
	}
	for time.Now().Before(until) {
		start := time.Now()
		if err := u.ask("tools/call", `{"name":"echo","arguments":{"text":"hi"}}`); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, u.post(http.MethodDelete, "", io.Discard)
}

func (u *user) open() error {
	err := u.ask("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"nethttp","version":"1"}}`)
	if err != nil {
		return err
	}
	return u.post(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, io.Discard)
}

// ask does a request, whose result must not say isError.
func (u *user) ask(method, params string) error {
	u.seq++
	var answer bytes.Buffer
	if err := u.post(http.MethodPost, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, u.seq, method, params), &answer); err != nil {
		return err
	}
	text := answer.String()
	if _, data, ok := strings.Cut(text, "data: "); ok {
		text = data // of the one event that the answer is
	}
	var m struct {
		Result *struct {
			IsError bool `json:"isError"`
		} `json:"result"`
	}
	err := json.NewDecoder(strings.NewReader(text)).Decode(&m)
	if err != nil || m.Result == nil || m.Result.IsError {
		return fmt.Errorf("%s: %v, %.200s", method, err, answer.String()) //nolint:errorlint // it ends the program
	}
	return nil
}

func (u *user) post(method, body string, answer io.Writer) error {
	req, err := http.NewRequest(method, u.url, strings.NewReader(body)) //nolint:noctx // the client has a deadline
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if u.session != "" {
		req.Header.Set("Mcp-Session-Id", u.session)
		req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	}
	resp, err := u.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it is read to its end
	if id := resp.Header.Get("Mcp-Session-Id"); id != "" {
		u.session = id
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", method, resp.Status)
	}
	_, err = io.Copy(answer, resp.Body)
	return err
}
