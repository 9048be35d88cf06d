package s3

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// request is one of the requests that may be sent.
type request struct{ method, query string }

// Requests. Check sends no others.
var (
	headBucket  = request{http.MethodHead, ""}
	listOne     = request{http.MethodGet, "list-type=2&max-keys=1"}
	listUploads = request{http.MethodGet, "max-uploads=1000&uploads="}
)

// emptyHash is the SHA-256 of no content.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// answer is an answer of the server.
type answer struct {
	status int
	region string // of the bucket, where the server says it
	date   time.Time
	start  time.Time
	took   time.Duration
	body   []byte
}

// apiError is an error of the server, by its code.
type apiError struct {
	status  int
	Code    string `xml:"Code"`
	Message string `xml:"Message"`
	Region  string `xml:"Region"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%s (status %d): %s", cmp.Or(report.Cell(e.Code, 60), "no code"), e.status, cmp.Or(report.Cell(e.Message, 160), "no message"))
}

// ask sends a signed request and returns the answer; its status may be an error.
func (c *checker) ask(ctx context.Context, r request) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Client.Timeout(), checks.ConnectTime))
	defer cancel()
	target := *c.Bucket.base
	target.RawQuery = r.query
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if c.Bucket.credentials.AccessKeyID != "" {
		req.Header.Set("X-Amz-Content-Sha256", emptyHash)
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if err := signer.SignHTTP(ctx, c.Bucket.credentials, req, emptyHash, "s3", c.Bucket.region, time.Now()); err != nil {
			return nil, fmt.Errorf("signing the request: %w", err)
		}
	}
	start := time.Now()
	resp, err := c.Client.HTTP().Do(req)
	if err != nil {
		return nil, client.Cause(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or is abandoned
	a := &answer{status: resp.StatusCode, region: resp.Header.Get("X-Amz-Bucket-Region"), start: start, took: time.Since(start)}
	a.date, _ = http.ParseTime(resp.Header.Get("Date")) // the zero time where there is none
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return a, nil
}

// read sends a request and reads the XML of the answer. A status of an error is an
// *apiError.
func (c *checker) read(ctx context.Context, r request, into any) (*answer, error) {
	a, err := c.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		e := &apiError{status: a.status}
		_ = xml.Unmarshal(a.body, e) // without it the status says enough
		e.Region = cmp.Or(e.Region, a.region)
		return a, e
	}
	if err := xml.Unmarshal(a.body, into); err != nil {
		return a, fmt.Errorf("the answer is not that of S3; is %s the address of a bucket?", c.Bucket)
	}
	return a, nil
}
