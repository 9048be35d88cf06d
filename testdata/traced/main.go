// Command traced is a server on the official Go SDK that records its calls with
// OpenTelemetry and exports them over OTLP/HTTP. With -json it is none: it writes the
// export request of standard input as OTLP's JSON.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	asJSON := flag.Bool("json", false, "")
	flag.Parse()
	run := serve
	if *asJSON {
		run = convert
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func convert() error {
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalProto(data); err != nil {
		return err
	}
	out, err := request.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(out, '\n'))
	return err
}

// serve listens on a free port, writes its address, and ends when its standard input
// does. The variable OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names the receiver.
func serve() error {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return err
	}
	// Batches this small part children from their parents.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithMaxExportBatchSize(8)))
	tools := &tools{Tracer: provider.Tracer("traced")}
	server := mcp.NewServer(&mcp.Implementation{Name: "traced", Version: "1"}, nil)
	server.AddReceivingMiddleware(middleware(tools.Tracer))
	tools.add(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(listener, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	fmt.Printf("http://%s/mcp\n", listener.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	tools.late.Wait()
	return errors.Join(err, provider.Shutdown(ctx))
}

// middleware records each request under the names and attributes of OpenTelemetry's
// conventions for MCP.
func middleware(tracer trace.Tracer) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, request mcp.Request) (mcp.Result, error) {
			ctx, span := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
				attribute.String("mcp.method.name", method), attribute.String("mcp.session.id", request.GetSession().ID()),
			))
			defer span.End()
			if call, ok := request.GetParams().(*mcp.CallToolParamsRaw); ok {
				span.SetAttributes(attribute.String("gen_ai.tool.name", call.Name))
			}
			result, err := next(ctx, method, request)
			if tool, ok := result.(*mcp.CallToolResult); ok && err == nil && tool.IsError {
				span.SetAttributes(attribute.String("error.type", "tool_error"))
			}
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			return result, err
		}
	}
}

type tools struct {
	trace.Tracer
	late sync.WaitGroup // work that outlives its call
}

// step records a span that lasts a moment of its own, then does the work below it.
func (t *tools) step(ctx context.Context, name string, work ...func(context.Context) error) error {
	ctx, span := t.Start(ctx, name)
	defer span.End()
	time.Sleep(2 * time.Millisecond)
	for _, do := range work {
		if err := do(ctx); err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
			return err
		}
	}
	return nil
}

// named returns a step without more below it, which fails with err.
func (t *tools) named(name string, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		return t.step(ctx, name, func(context.Context) error { return err })
	}
}

func (t *tools) add(server *mcp.Server) {
	for name, work := range map[string]func(context.Context) error{
		"search": t.search, "fanout": t.fanout, "enqueue": t.enqueue,
		"broken": t.named("SELECT docs", errors.New("no such table")),
	} {
		mcp.AddTool(server, &mcp.Tool{Name: name}, func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			time.Sleep(time.Millisecond)
			return nil, nil, work(ctx)
		})
	}
}

// search fails once and tries again, as part of the same query.
func (t *tools) search(ctx context.Context) error {
	return t.step(ctx, "query", func(ctx context.Context) error {
		_ = t.named("attempt", errors.New("deadlock"))(ctx)
		return t.step(ctx, "retry", t.named("attempt", nil))
	}, t.named("rank", nil))
}

// fanout does three things at once.
func (t *tools) fanout(ctx context.Context) error {
	var all sync.WaitGroup
	for _, name := range []string{"fetch a", "fetch b", "fetch b"} {
		all.Go(func() { _ = t.named(name, nil)(ctx) })
	}
	all.Wait()
	return nil
}

// enqueue returns before the work that it began has ended.
func (t *tools) enqueue(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	t.late.Go(func() { _ = t.step(ctx, "deliver", t.named("send", nil)) })
	return nil
}
