package logline

import (
	"slices"
	"time"
)

// field is a member of Record that a key of JSON or logfmt can set.
type field uint8

const (
	noField field = iota
	timeField
	levelField
	syslogLevelField
	otelLevelField
	messageField
	eventField
	loggerField
	requestField
	sessionField
	userField
	toolField
	methodField
	endpointField
	addressField
	statusField
	requestLineField // POST /mcp HTTP/1.1
	nanosField       // the rest of a time that is whole seconds
	codeField        // an HTTP status if it is between 100 and 599
	errorTypeField
	errorTextField
	reasonField
	statementField
	stackField
	durationField
	jsonrpcField
	idField
	resultField
	isErrorField
	refersField
	streamField
	podField
	cwdField
	shipperField   // any key that only shippers of logs write
	shippedField   // a line of another log
	containerField // the stream that a shipper names
	numFields
)

// alias is one name of a field. Of several names in a line the lowest rank wins.
type alias struct {
	field field
	rank  uint8
	unit  time.Duration // of a duration; 0 if the key does not say
	given bool          // the unit is the user's
	text  bool          // a number under this name is something else: it is one of textNames
}

// aliasLists are the names of each field in the order of their rank, in lower case
// without "_", "-", "." and with the names of enclosing objects in front.
var aliasLists = map[field][]string{
	timeField: {"timestamp", "time", "ts", "@timestamp", "asctime", "eventtime", "datetime", "date", "t", "recordtimetimestamp", "timeunixnano",
		"realtimetimestamp", "instant", "observedtimeunixnano", "instantepochsecond", "@t", "t$date", "timelocal", "timeiso8601", "timestampseconds", "starttime"},
	levelField:       {"level", "severity", "lvl", "levelname", "loglevel", "severitytext", "recordlevelname", "paramslevel", "@l", "at", "s", "l"},
	messageField:     {"message", "msg", "recordmessage", "text", "body", "shortmessage", "log", "bodystringvalue", "debug", "paramsdata", "paramsmessage", "@m", "renderedmessage", "@mt", "messagetemplate", "m"},
	eventField:       {"event", "eventname"},
	loggerField:      {"logger", "loggername", "name", "category", "target", "caller", "component", "recordname", "paramslogger", "sourcecontext"},
	requestField:     {"requestid", "reqid", "httprequestid", "xrequestid", "correlationid", "traceid", "logginggoogleapiscom/trace", "traceparent", "rid", "@tr", "recordrequestid"},
	sessionField:     {"sessionid", "sid", "mcpsessionid", "sess", "session", "reqheadersmcpsessionid", "requestheadersmcpsessionid"},
	userField:        {"userid", "user", "username", "uid", "sub", "clientid", "account", "tenant", "useridentityusername"},
	toolField:        {"tool", "toolname", "paramsname", "mcptoolname", "genaitoolname"},
	methodField:      {"method", "rpcmethod", "reqmethod", "httpmethod", "httprequestmethod", "httprequestrequestmethod", "requestmethod", "statemethod", "mcpmethodname"},
	endpointField:    {"endpoint", "path", "url", "route", "requrl", "httproute", "requesturi", "uri", "requestpath", "urlpath", "httprequestrequesturl", "httptarget"},
	addressField:     {"ip", "remoteaddr", "remoteaddress", "clientip", "reqremoteaddress", "clientaddress", "peer", "requestremoteip", "clienthost", "fwd"},
	statusField:      {"status", "statuscode", "resstatuscode", "httpresponsestatuscode", "httpstatuscode", "httprequeststatus", "httpstatus", "responsestatus", "downstreamstatus", "responsecode"},
	requestLineField: {"request"},
	nanosField:       {"instantnanoofsecond", "timestampnanos"},
	codeField:        {"code"},
	errorTypeField:   {"errortype", "errtype", "exctype", "exceptiontype", "errname", "errorname", "sqlstate", "errcode", "errorcode", "errorclass", "thrownname", "exceptionclass"},
	errorTextField:   {"errormessage", "errmessage", "error", "err", "exceptionmessage", "exception", "errormsg", "dataerror", "paramsdataerror", "thrownmessage"},
	reasonField:      {"reason", "failurereason", "denyreason", "paramsreason"},
	statementField:   {"query", "statement", "sql", "dbstatement", "dbquerytext"},
	stackField:       {"stack", "stacktrace", "errstack", "errorstack", "excinfo", "errorstacktrace", "exceptionstacktrace", "errorverbose", "@x"},
}

// textNames are names whose numbers are something else, such as a length or a time.
var textNames = []string{"l", "m", "s", "at"}

// Ranks of names that only one program writes.
var (
	journalRank        = uint8(rankOf(timeField, "realtimetimestamp"))
	rankOfSerilog      = uint8(rankOf(timeField, "@t"))
	rankOfTemplates    = uint8(rankOf(messageField, "@m"))
	rankOfTraefik      = rankOf(statusField, "downstreamstatus")
	rankOfEnvoy        = rankOf(statusField, "responsecode")
	rankOfPython       = rankOf(levelField, "levelname")
	rankOfLoguru       = rankOf(levelField, "recordlevelname")
	rankOfZap          = rankOf(timeField, "ts")
	rankOfCaller       = rankOf(loggerField, "caller")
	rankOfMsg          = rankOf(messageField, "msg")
	rankOfRequestTime  = slices.Index(durationStems, "requesttime")
	rankOfResponseTime = slices.Index(durationStems, "responsetime")
	rankOfRT           = slices.Index(durationStems, "rt")
)

func rankOf(f field, name string) int { return slices.Index(aliasLists[f], name) }

// durationStems are the names of durations; a unit may follow.
var durationStems = []string{
	"duration", "elapsed", "latencyhuman", "latency", "responsetime", "took", "processingtime", "requesttime", "totaltime", "stateelapsed", "durationsec",
	"elapsedtime", "executiontime", "resresponsetime", "httprequestlatency", "runtime", "delta", "queryduration", "reqduration", "dur", "reqdur", "rt", "recordmetricsduration", "service",
}

// unitSuffixes are the units that may follow a stem.
var unitSuffixes = map[string]time.Duration{
	"ms": time.Millisecond, "millis": time.Millisecond, "milliseconds": time.Millisecond, "msec": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "seconds": time.Second,
	"us": time.Microsecond, "micros": time.Microsecond, "microseconds": time.Microsecond,
	"ns": time.Nanosecond, "nanos": time.Nanosecond, "nanoseconds": time.Nanosecond,
}

// aliases maps a normalized key to the field that it names.
var aliases = makeAliases()

func makeAliases() map[string]alias {
	all := map[string]alias{
		"priority": {field: syslogLevelField}, "severitynumber": {field: otelLevelField}, "eventduration": {field: durationField, unit: time.Nanosecond},
		"jsonrpc": {field: jsonrpcField}, "id": {field: idField}, "resultiserror": {field: isErrorField}, "paramsrequestid": {field: refersField},
		"result": {field: resultField}, "stream": {field: streamField}, "podname": {field: podField}, "cwd": {field: cwdField},
		"sourcetype": {field: shipperField}, "ingestiontime": {field: shipperField}, "kubernetescontainername": {field: shipperField},
		"kubernetespodname": {field: containerField}, "logstreamname": {field: containerField, rank: 1}, "textpayload": {field: shippedField},
	}
	for f, names := range aliasLists {
		for rank, name := range names {
			all[name] = alias{field: f, rank: uint8(rank), text: slices.Contains(textNames, name)}
		}
	}
	for rank, stem := range durationStems {
		all[stem] = alias{field: durationField, rank: uint8(rank)}
		for suffix, unit := range unitSuffixes {
			all[stem+suffix] = alias{field: durationField, rank: uint8(rank), unit: unit}
		}
	}
	return all
}

// containers are the names of objects whose members are fields of the record, as if they
// stood outside: of winston, Rust tracing, Serilog, loguru, Google Cloud, OpenTelemetry.
var containers = map[string]bool{
	"meta": true, "metadata": true, "fields": true, "properties": true, "extra": true, "recordextra": true, "jsonpayload": true, "labels": true,
	"attributes": true, "attrs": true, "context": true, "ctx": true, "data": true, "details": true, "span": true, "mcp": true, "mdc": true, "contextmap": true, "message": true,
	"logginggoogleapiscom/labels": true,
}

// inContainer is added to the rank of a name in a container: one outside wins.
const inContainer = 100

// prefixes holds the beginnings of the aliases: only objects with such a path are read.
var prefixes = makePrefixes()

func makePrefixes() map[string]bool {
	all := map[string]bool{}
	for name := range aliases {
		for i := 1; i < len(name); i++ {
			all[name[:i]] = true
		}
	}
	return all
}

// longestKey is the length of the longest key that can be an alias, with room for a prefix.
const longestKey = 48

// appendKey appends key to path in normalized form: lower case, without "_", "-" and ".".
func appendKey(path, key []byte) []byte {
	for _, c := range key {
		switch {
		case c == '_' || c == '-' || c == '.' || c == ' ':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if len(path) >= longestKey {
			return path
		}
		path = append(path, c)
	}
	return path
}
