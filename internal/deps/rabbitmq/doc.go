// Package rabbitmq judges a RabbitMQ server that an MCP server depends on: alarms, queues
// without a consumer, messages that nobody acknowledges.
//
// [Check] reads how the server introduces itself before a login, logs in and out again, and
// asks the management API, where there is one, for the paths in [Paths]. It opens no channel,
// so that no queue, exchange or message is touched.
package rabbitmq
