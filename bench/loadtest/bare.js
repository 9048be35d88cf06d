// The least that k6 can do: the lifecycle of a session, without checks or tags.
import http from 'k6/http';

export const options = {
  scenarios: { users: { executor: 'per-vu-iterations', vus: 40, iterations: Number(__ENV.ROUNDS) } },
};

function post(id, method, params, headers) {
  const message = { jsonrpc: '2.0', method, params };
  if (id) message.id = id;
  return http.post(__ENV.URL, JSON.stringify(message), { headers });
}

export default function () {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const opened = post(1, 'initialize', {
    protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'k6', version: '1' },
  }, headers);
  headers['Mcp-Session-Id'] = opened.headers['Mcp-Session-Id'];
  headers['Mcp-Protocol-Version'] = '2025-11-25';
  post(0, 'notifications/initialized', undefined, headers);
  for (let i = 0; i < 250; i++) {
    const answer = post(i + 2, 'tools/call', { name: 'echo', arguments: { text: 'hi' } }, headers).json();
    if (answer.error || answer.result.isError) throw new Error('a call failed');
  }
  http.del(__ENV.URL, null, { headers });
}
