package rules

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiag/mcpdiag/internal/doctor/facts"
	"github.com/mcpdiag/mcpdiag/internal/report"
)

func limitRules() []Rule {
	return []Rule{
		{ID: "limits.headers", Title: "the limits of the rate are known", Needs: entryNeeds(), judge: judgeLimitHeaders, Reference: "draft-ietf-httpapi-ratelimit-headers"},
		{ID: "limits.near", Title: "the limit of the rate is far away", Needs: entryNeeds(), judge: judgeLimitNear},
	}
}

// rateLimit is the limit that an answer names; -1 is unknown.
type rateLimit struct {
	limit, remaining, window int
	text                     string
}

// rateLimitOf reads the fields of the draft, of its older versions and of X-RateLimit.
func rateLimitOf(h http.Header) (rateLimit, bool) {
	policy, state := h.Get("Ratelimit-Policy"), h.Get("Ratelimit")
	if policy != "" || state != "" {
		return rateLimit{parameter(policy, "q"), parameter(state, "r"), parameter(policy, "w"), strings.TrimSpace(policy + " " + state)}, true
	}
	for _, prefix := range []string{"Ratelimit-", "X-Ratelimit-"} {
		limit, remaining := h.Get(prefix+"Limit"), h.Get(prefix+"Remaining")
		if limit != "" {
			return rateLimit{parameter("="+limit, ""), parameter("="+remaining, ""), -1, remaining + " of " + limit + " left"}, true
		}
	}
	return rateLimit{}, false
}

// parameter returns the number of a parameter in a structured field, -1 without one.
func parameter(field, name string) int {
	m := regexp.MustCompile(`(?:^|;\s*)` + name + `=\s*(\d{1,9})`).FindStringSubmatch(field)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(m[1]) // nine digits fit
	return n
}

// lastLimit returns the limit that the last answer of the server names.
func lastLimit(f *facts.Facts) (rateLimit, *facts.Exchange) {
	for _, x := range slices.Backward(f.Exchanges) {
		if !isOfTarget(f, x) {
			continue
		}
		if l, ok := rateLimitOf(x.Header); ok {
			return l, x
		}
	}
	return rateLimit{}, nil
}

func judgeLimitHeaders(f *facts.Facts) opinion {
	l, x := lastLimit(f)
	if x == nil {
		return info("answers name no limit")
	}
	return info("%s", l.text).saw(x)
}

// fewPerMinute is a limit that one busy client reaches.
const fewPerMinute = 60

func judgeLimitNear(f *facts.Facts) opinion {
	l, x := lastLimit(f)
	switch {
	case x == nil:
		return pass("answers name no limit")
	case l.limit > 0 && l.remaining >= 0 && l.remaining*10 < l.limit:
		return warn("%d of %d requests are left", l.remaining, l.limit).fix("raise the limit: a session takes several requests").saw(x)
	case l.window > 0 && l.limit >= 0 && l.limit*60/l.window < fewPerMinute:
		return warn("the limit is %s in %d s", report.Plural(int64(l.limit), "request"), l.window).fix("raise it: one busy client needs about one request a second").saw(x)
	}
	return pass("%s", l.text)
}

func exposureRules() []Rule {
	return []Rule{
		{ID: "exposure.health", Title: "the health page agrees", shows: true, Needs: entryNeeds(), judge: judgeHealth},
		{ID: "exposure.metrics", Title: "metrics are not public", Needs: entryNeeds(), judge: judgeMetrics},
		{ID: "exposure.debug", Title: "debug pages are not public", Needs: entryNeeds(), Fails: true, judge: judgeDebug, Reference: "CVE-2019-11248"},
	}
}

func judgeHealth(f *facts.Facts) opinion {
	asked := false
	for _, path := range []string{"/health", "/healthz", "/ready"} {
		x := f.First(path)
		asked = asked || x.Status != 0
		if !x.OK() && x.Status != http.StatusServiceUnavailable || facts.ContentType(x.Header) == "text/html" {
			continue
		}
		if part := unhealthy([]byte(x.Body)); part != "" || !x.OK() {
			return warn("%s says that a part is not healthy: %s", path, cmp.Or(part, "status "+strconv.Itoa(x.Status))).fix("look at that part").saw(x)
		}
		return pass("%s is fine", path)
	}
	if !asked {
		return unknown(f, f.First("/health"))
	}
	return info("no health page")
}

// unhealthy returns the first member of a health document that is not fine.
func unhealthy(body []byte) string {
	var doc map[string]any
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		text, _ := doc[name].(string)
		switch strings.ToLower(text) {
		case "down", "fail", "failed", "error", "unhealthy", "degraded":
			return name + " is " + text
		}
	}
	return ""
}

func judgeMetrics(f *facts.Facts) opinion {
	x := f.First("/metrics")
	switch {
	case x.Status == 0:
		return unknown(f, x)
	case !x.OK() || !strings.Contains(x.Body, "# TYPE ") && !strings.Contains(x.Body, "# HELP "):
		return pass("none without credentials")
	case f.Loopback:
		return info("there are metrics").leads(toMetrics).saw(x)
	}
	return warn("anyone can read the metrics").fix("require credentials for /metrics, or listen for it on another address").saw(x)
}

func judgeDebug(f *facts.Facts) opinion {
	pprof, vars, snapshot := f.First("/debug/pprof/"), f.First("/debug/vars"), f.First("/debug/snapshot")
	switch {
	case pprof.Status == 0:
		return unknown(f, pprof)
	case pprof.OK() && strings.Contains(pprof.Body, "/debug/pprof/") && f.Loopback:
		return info("there is /debug/pprof").saw(pprof)
	case pprof.OK() && strings.Contains(pprof.Body, "/debug/pprof/"):
		return fail("anyone can read the memory of the server: /debug/pprof is public").fix("serve it on a local address only").saw(pprof)
	case f.Loopback:
		return pass("this machine only")
	}
	for _, open := range []struct {
		x    *facts.Exchange
		mark string
	}{{vars, `"memstats"`}, {snapshot, `"toolCallStack"`}} {
		if open.x.OK() && strings.Contains(open.x.Body, open.mark) {
			return warn("anyone can read %s", open.x.Probe).fix("require credentials, or serve it on a local address only").saw(open.x)
		}
	}
	return pass("none without credentials")
}
