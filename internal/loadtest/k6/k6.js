// MCP as k6 speaks it: sessions, both eras, answers as JSON or as events, and
// calls that count as failed where the transport, the status, JSON-RPC or
// isError says so. Everything above this line is data from the plan.
//
// k6 run plan.js                      on this machine
// k6 run -e MCP_URL=... plan.js       against another address
// k6 run -e MCP_TOKEN=... plan.js     with a bearer token, for an address of MCP_URL or of
//                                     --url: that of a plan gets none
//
// What k6 does otherwise: a stage begins with new sessions; arrivals are evenly
// apart; sessions of a stage with a rate end only by their number of calls;
// requests of the server in the middle of an answer go unanswered.

const URL = __ENV.MCP_URL || PLAN.url;
const TOKEN = __ENV.MCP_URL || PLAN.named ? __ENV.MCP_TOKEN : '';
const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'mcpdiag-k6', version: '1' },
};

const calls = new Counter('mcp_calls');
const failed = new Counter('mcp_failed');
const errors = new Rate('mcp_errors');
const latency = new Trend('mcp_latency', true); // of calls that succeeded
const failedLatency = new Trend('mcp_failed_latency', true);
const opened = new Counter('mcp_sessions_opened');
const closed = new Counter('mcp_sessions_closed');
const refused = new Counter('mcp_sessions_failed');

const FEEDS = {};
for (const name of Object.keys(PLAN.feeds)) {
  FEEDS[name] = new SharedArray('feed ' + name, () => PLAN.feeds[name]);
}

let seeded = false;
let session = null; // of this VU
let iter = 0;
const kept = [];

// setup finds out, once, how the server wants to be spoken to.
export function setup() {
  if (__ENV.MCP_TOKEN && !TOKEN) console.warn('MCP_TOKEN is not sent to the url of the plan; set MCP_URL, too');
  const era = { version: PLAN.protocol || detect(), params: {} };
  if (era.version === MODERN) {
    for (const tool of listTools()) {
      era.params[tool.name] = paramHeaders(tool.inputSchema);
    }
  }
  return era;
}

function detect() {
  const answer = send(null, MODERN, 'server/discover', '{"_meta":' + JSON.stringify(META) + '}', { 'Mcp-Method': 'server/discover' });
  const supported = answer.result ? answer.result.supportedVersions
    : answer.error && [-32020, -32021, -32022].includes(answer.error.code) ? (answer.error.data || {}).supported : null;
  return (supported || []).includes(MODERN) ? MODERN : LEGACY;
}

function listTools() {
  const answer = send(null, MODERN, 'tools/list', '{"_meta":' + JSON.stringify(META) + '}', { 'Mcp-Method': 'tools/list' });
  return answer.result ? answer.result.tools || [] : [];
}

// paramHeaders are the arguments that also go into a header, by their name.
function paramHeaders(schema) {
  const headers = {};
  for (const [name, property] of Object.entries((schema || {}).properties || {})) {
    if (property && property['x-mcp-header']) {
      headers[name] = 'Mcp-Param-' + property['x-mcp-header'];
    }
  }
  return headers;
}

let id = 0;

// send makes one request and returns the answer with what went wrong, if
// anything, in why.
function send(state, version, method, params, headers) {
  id += 1;
  const body = '{"jsonrpc":"2.0","id":' + id + ',"method":' + JSON.stringify(method) + ',"params":' + params + '}';
  const all = Object.assign({ 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }, headers);
  if (TOKEN) all.Authorization = 'Bearer ' + TOKEN;
  if (state && state.id) all['Mcp-Session-Id'] = state.id;
  if (version === MODERN || (state && version >= '2025-06-18')) all['MCP-Protocol-Version'] = version;
  const response = http.post(URL, body, { headers: all, timeout: PLAN.timeout, redirects: 0, tags: { name: method } });
  const answer = read(response, id);
  answer.response = response;
  return answer;
}

// read finds the message with the answer to request id.
function read(response, id) {
  if (response.error_code && response.status === 0) return { why: 'transport' };
  const type = String(response.headers['Content-Type'] || '').split(';')[0].trim();
  let messages = [];
  if (type === 'text/event-stream') {
    messages = events(response.body);
  } else if (response.body) {
    messages = parse(response.body);
  }
  const answer = messages.find((m) => m && m.method === undefined && (m.id === id || (m.error && m.id == null))) || {};
  if (response.status < 200 || response.status > 299) return { why: 'status', error: answer.error };
  if (answer.error) return { why: 'jsonrpc', error: answer.error };
  if (!answer.result) return { why: 'malformed' };
  return { result: answer.result };
}

function parse(text) {
  try {
    return [JSON.parse(text)];
  } catch (_) {
    return [];
  }
}

function events(body) {
  const messages = [];
  for (const event of String(body || '').split(/\r\n\r\n|\n\n|\r\r/)) {
    const data = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''));
    if (data.join('')) messages.push(...parse(data.join('\n')));
  }
  return messages;
}

// open opens the session of this VU; it is false where the server refuses.
function open(era) {
  if (era.version === MODERN) {
    session = { version: MODERN, calls: 0 };
    opened.add(1);
    return true;
  }
  const params = { protocolVersion: era.version, capabilities: {}, clientInfo: META['io.modelcontextprotocol/clientInfo'] };
  const answer = send(null, era.version, 'initialize', JSON.stringify(params), {});
  if (!answer.result) {
    refused.add(1);
    return false;
  }
  session = { id: answer.response.headers['Mcp-Session-Id'], version: answer.result.protocolVersion || era.version, calls: 0 };
  const headers = sessionHeaders();
  headers['Content-Type'] = 'application/json';
  headers.Accept = 'application/json, text/event-stream';
  http.post(URL, '{"jsonrpc":"2.0","method":"notifications/initialized"}', { headers, timeout: PLAN.timeout, redirects: 0, tags: { name: 'notifications/initialized' } });
  opened.add(1);
  return true;
}

function sessionHeaders() {
  const headers = {};
  if (TOKEN) headers.Authorization = 'Bearer ' + TOKEN;
  if (session.id) headers['Mcp-Session-Id'] = session.id;
  if (session.version >= '2025-06-18') headers['MCP-Protocol-Version'] = session.version;
  return headers;
}

function end() {
  if (!session) return;
  if (PLAN.end === 'keep') kept.push(session);
  if (PLAN.end === 'delete') remove();
  session = null;
}

function remove() {
  if (!session.id) return;
  const response = http.del(URL, null, { headers: sessionHeaders(), timeout: PLAN.timeout, redirects: 0, tags: { name: 'DELETE' } });
  if (response.status >= 200 && response.status < 300) closed.add(1);
}

function release() {
  while (kept.length > 0) {
    session = kept.pop();
    remove();
  }
  session = null;
}

function choose() {
  let at = Math.random() * PLAN.weight;
  for (const step of PLAN.steps) {
    at -= step.weight;
    if (at < 0) return step;
  }
  return PLAN.steps[PLAN.steps.length - 1];
}

// fill makes the JSON of the arguments of one call.
function fill(pieces) {
  return pieces.map((p) => (typeof p === 'string' ? p : piece(p))).join('');
}

function piece(p) {
  const text = String(value(p));
  if (p.verb === 'json') return text;
  if (!p.number) return JSON.stringify(text).slice(1, -1);
  return parse(text).length > 0 ? text : 'null';
}

function value(p) {
  switch (p.verb) {
    case 'iter': return iter;
    case 'user': return exec.vu.idInTest - 1;
    case 'uuid': return uuid();
    case 'now': return new Date().toISOString();
    case 'int': return p.low + Math.floor(Math.random() * (p.high - p.low + 1));
    case 'feed': {
      const rows = FEEDS[p.feed];
      return rows[(iter * PLAN.users + exec.vu.idInTest - 1) % rows.length][p.column];
    }
    default: return p.words[Math.floor(Math.random() * p.words.length)];
  }
}

function uuid() {
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (c) => {
    const n = Math.floor(Math.random() * 16);
    return (c === 'x' ? n : (n & 3) | 8).toString(16);
  });
}

// headerValue is text, or its base64 where a header could not carry it.
function headerValue(text) {
  const safe = text === text.trim() && /^[\t\x20-\x7e]*$/.test(text) && !text.startsWith('=?base64?');
  return safe ? text : '=?base64?' + encoding.b64encode(text) + '?=';
}

function modernHeaders(step, args, era) {
  const headers = { 'Mcp-Method': step.kind, 'Mcp-Name': headerValue(step.name) };
  const annotated = step.kind === 'tools/call' ? era.params[step.name] || {} : {};
  if (Object.keys(annotated).length > 0) {
    const values = JSON.parse(args);
    for (const [name, header] of Object.entries(annotated)) {
      const v = values[name];
      if (v !== undefined && v !== null) headers[header] = headerValue(typeof v === 'string' ? v : JSON.stringify(v));
    }
  }
  return headers;
}

// call makes one call of the plan; it is false where there is no session for it.
function call(era, counts) {
  if (!session && !open(era)) return false;
  const step = choose();
  const args = step.args ? fill(step.args) : '{}';
  iter += 1;
  let params = step.kind === 'resources/read' ? '"uri":' + JSON.stringify(step.name) : '"name":' + JSON.stringify(step.name) + ',"arguments":' + args;
  if (era.version === MODERN) params += ',"_meta":' + JSON.stringify(META);
  const answer = send(session, session.version, step.kind, '{' + params + '}', era.version === MODERN ? modernHeaders(step, args, era) : {});
  if (answer.result && answer.result.isError) answer.why = 'isError';
  if (answer.result && answer.result.resultType === 'input_required') answer.why = 'input required';
  if (counts) record(step, answer);
  session.calls += 1;
  const lost = answer.response.status === 404 || (answer.response.status === 400 && (answer.error || {}).code === -32000);
  if (lost && session.id) session = null;
  else if (PLAN.sessionCalls > 0 && session.calls >= PLAN.sessionCalls) end();
  return true;
}

function record(step, answer) {
  const tags = { step: step.tag };
  const took = answer.response.timings.duration + answer.response.timings.blocked + answer.response.timings.connecting;
  calls.add(1, tags);
  errors.add(Boolean(answer.why), tags);
  check(answer, { 'the call succeeded': (a) => !a.why }, tags);
  if (answer.why) {
    failed.add(1, Object.assign({ why: answer.why }, tags));
    failedLatency.add(took, tags);
  } else {
    latency.add(took, tags);
  }
}

function think(done) {
  const b = PLAN.burst;
  if (b && done % b.calls === 0) return b.rest;
  if (b) return 0;
  const t = PLAN.think;
  if (t.median) return Math.min(t.median * Math.exp(t.sigma * normal()), 600);
  return t.least + Math.random() * (t.most - t.least);
}

function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

function seed() {
  if (!seeded) randomSeed(PLAN.seed + exec.vu.idInTest);
  seeded = true;
}

// user is a user's whole part in a stage: an iteration of k6.
export function user(era) {
  seed();
  const stage = PLAN.stages[exec.scenario.name];
  const begin = Date.now();
  for (let round = 0; round < stage.rounds; round += 1) {
    if (round > 0) sleep(stage.delay);
    if (stage.rampUp > 0) sleep((stage.rampUp * ((exec.vu.idInTest - 1) % stage.users)) / stage.users);
    for (let done = 0; stage.calls > 0 ? done < stage.calls : Date.now() - begin < stage.duration * 1000;) {
      if (!call(era, stage.counts)) {
        if (stage.calls > 0) break;
        sleep(1);
        continue;
      }
      done += 1;
      const pause = think(done);
      if (pause > 0 && done !== stage.calls) sleep(pause);
    }
    end();
  }
  release();
}

// arrival is one call that came when it was due.
export function arrival(era) {
  seed();
  call(era, PLAN.stages[exec.scenario.name].counts);
}
