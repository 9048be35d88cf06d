// The tool that all servers here offer.
export function echo(server) {
  server.registerTool('echo', { description: 'Say something back' }, async () => ({ content: [{ type: 'text', text: 'hi' }] }));
}
