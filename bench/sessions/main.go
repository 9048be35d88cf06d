// Command sessions opens many MCP sessions and holds them, each with its client's
// connection, until it is killed: sessions URL COUNT idle|stream|gone. With gone
// the connections are closed and the sessions stay. It prints "open" when all are.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"sessions","version":"1"}}}`

func main() {
	flag.Parse()
	url := flag.Arg(0) + "/mcp"
	count, err := strconv.Atoi(flag.Arg(1))
	if err != nil {
		panic(err)
	}
	places := make(chan bool, 50)
	var wg sync.WaitGroup
	for range count {
		places <- true
		wg.Go(func() {
			if err := open(url, flag.Arg(2)); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			<-places
		})
	}
	wg.Wait()
	fmt.Fprintln(os.Stdout, "open")
	select {}
}

// open opens a session on a connection of its own, which stays.
func open(url, kind string) error {
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := do(client, http.MethodPost, url, "", initialize)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil || kind == "idle" {
		return err
	}
	if kind == "gone" {
		client.CloseIdleConnections()
		return nil
	}
	_, err = do(client, http.MethodGet, url, resp.Header.Get("Mcp-Session-Id"), "") //nolint:bodyclose // it stays open
	return err
}

func do(client *http.Client, method, url, session, body string) (*http.Response, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body)) //nolint:noctx // it lives as long as the program
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Content-Type", "application/json")
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
	}
	resp, err := client.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.Join(fmt.Errorf("%s answered %s", method, resp.Status), resp.Body.Close())
	}
	return resp, err
}
