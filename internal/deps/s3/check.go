package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mcpdiag/mcpdiag/internal/client"
	"github.com/mcpdiag/mcpdiag/internal/deps/checks"
	"github.com/mcpdiag/mcpdiag/internal/deps/webapi"
	"github.com/mcpdiag/mcpdiag/internal/finding"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

// Config describes a check.
type Config struct {
	Bucket Bucket
	Client *client.Client
	Only   func(id string) bool
}

type checker struct {
	Config
	checks.List
	first *answer
}

// Check judges the bucket and returns the findings.
func Check(ctx context.Context, cfg Config) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := &checker{Config: cfg, List: checks.List{Group: "s3", Only: cfg.Only}}
	if !c.connect(ctx) {
		return c.Findings
	}
	c.Run(ctx, []checks.Check{
		{ID: "s3.clock", Run: c.clock},
		{ID: "s3.rights", Run: c.rights},
		{ID: "s3.latency", Run: c.latency},
		{ID: "s3.uploads", Run: c.uploads},
	})
	return c.Findings
}

// connect asks for the head of the bucket. Its status is judged by rights, whose answer
// has the reason.
func (c *checker) connect(ctx context.Context) bool {
	const id = "s3.connect"
	var err error
	if c.first, err = c.ask(ctx, headBucket); err != nil {
		c.Add(id, finding.Fail, "is the endpoint right, does the server run, and does a firewall let this machine in?", nil, "%s", report.Cell(err.Error(), 200))
		return false
	}
	if c.first.status >= http.StatusInternalServerError {
		c.Add(id, finding.Fail, "the storage itself fails: its log, or the status page of its provider", nil, "the server answers with status %d", c.first.status)
		return false
	}
	signed := "signed"
	if c.Bucket.credentials.AccessKeyID == "" {
		signed = "not signed, since the environment has no AWS_ACCESS_KEY_ID"
	}
	c.Add(id, finding.Pass, "", nil, "answered in %s; requests are %s", report.Duration(c.first.took), signed)
	return true
}

// clock judges the clock of the server, with which signatures are compared.
func (c *checker) clock(_ context.Context, id string) error {
	if c.first.date.IsZero() {
		return errors.New("the answer has no date")
	}
	c.Clock(id, webapi.Skew(c.first.date, c.first.start, c.first.start.Add(c.first.took)))
	return nil
}

// hints are the ways out of a refusal, by the code of the error.
var hints = map[string]string{
	"AccessDenied":                       "the identity needs s3:ListBucket on the bucket, and no policy may deny it: aws iam simulate-principal-policy",
	"AllAccessDisabled":                  "the owner or the provider has closed the bucket",
	"InvalidAccessKeyId":                 "the access key does not exist there: compare AWS_ACCESS_KEY_ID and the endpoint",
	"SignatureDoesNotMatch":              "AWS_SECRET_ACCESS_KEY is wrong, or a proxy changes the host or the path",
	"ExpiredToken":                       "the temporary credentials have expired: renew AWS_SESSION_TOKEN",
	"InvalidToken":                       "AWS_SESSION_TOKEN belongs to other credentials",
	"RequestTimeTooSkewed":               "the two clocks differ by more than 15 minutes: see s3.clock",
	"NoSuchBucket":                       "compare the name of the bucket and the endpoint",
	"PermanentRedirect":                  "set AWS_REGION to the region of the bucket",
	"AuthorizationHeaderMalformed":       "set AWS_REGION to the region of the bucket",
	"IllegalLocationConstraintException": "set AWS_REGION to the region of the bucket",
	"SlowDown":                           "the storage limits the rate: fewer requests, or more prefixes",
}

// list is the answer to listOne. It is judged for being one; keys are not shown.
type list struct {
	XMLName xml.Name `xml:"ListBucketResult"`
}

// rights lists one key: whether the credentials may use the bucket.
func (c *checker) rights(ctx context.Context, id string) error {
	_, err := c.read(ctx, listOne, new(list))
	e, refused := errors.AsType[*apiError](err)
	switch {
	case err == nil:
		c.Add(id, finding.Pass, "", nil, "the bucket %s can be listed", report.Cell(c.Bucket.name, 60))
		return nil
	case !refused:
		return err
	}
	hint := hints[e.Code]
	if hint == "" && c.Bucket.credentials.AccessKeyID == "" {
		hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY as the MCP server has them"
	}
	text := ""
	if e.Region != "" && e.Region != c.Bucket.region {
		text = fmt.Sprintf("; it is in the region %s, not %s", report.Cell(e.Region, 30), report.Cell(c.Bucket.region, 30))
	}
	c.Add(id, finding.Fail, hint, nil, "the bucket %s refuses: %s%s", report.Cell(c.Bucket.name, 60), e, text)
	return nil
}

// lists is how often a key is listed for the latency.
const lists = 5

// latency judges the median of some lists of one key.
func (c *checker) latency(ctx context.Context, id string) error {
	var times []time.Duration
	for range lists {
		a, err := c.read(ctx, listOne, new(list))
		if err != nil {
			return err
		}
		times = append(times, a.took)
	}
	slices.Sort(times)
	median := times[len(times)/2]
	c.Add(id, finding.Graded(median, 500*time.Millisecond, 2*time.Second), "is the bucket in another region than the MCP server?", nil, "%d lists of one key: median %s, slowest %s", lists, report.Duration(median), report.Duration(times[len(times)-1]))
	return nil
}

// stale is the age from which an upload is taken to be abandoned.
const stale = 24 * time.Hour

// uploads counts the uploads in parts that were begun and never ended: they take space,
// and lists of objects do not show them.
func (c *checker) uploads(ctx context.Context, id string) error {
	var all struct {
		XMLName   xml.Name `xml:"ListMultipartUploadsResult"`
		Truncated bool     `xml:"IsTruncated"`
		Upload    []struct {
			Initiated time.Time `xml:"Initiated"`
		} `xml:"Upload"`
	}
	_, err := c.read(ctx, listUploads, &all)
	if e, ok := errors.AsType[*apiError](err); ok && e.status == http.StatusForbidden {
		return &checks.MissingRightError{Right: "s3:ListBucketMultipartUploads on the bucket (" + e.Error() + ")"}
	}
	if err != nil {
		return err
	}
	old, first := 0, time.Now()
	for _, u := range all.Upload {
		if time.Since(u.Initiated) > stale {
			old++
		}
		if u.Initiated.Before(first) {
			first = u.Initiated
		}
	}
	more := ""
	if all.Truncated {
		more = " of the first 1,000"
	}
	if old > 0 {
		c.Add(id, finding.Warn, "a lifecycle rule with AbortIncompleteMultipartUpload removes them; find the code that does not complete them", nil, "%s%s begun more than a day ago and never completed, the oldest at %s", report.Plural(int64(old), "upload"), more, checks.Since(first))
		return nil
	}
	c.Add(id, finding.Pass, "", nil, "%s in parts%s, none older than a day", report.Plural(int64(len(all.Upload)), "upload"), more)
	return nil
}
