import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.function.IntSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An MCP server on the standard library: java Server.java PORT SHAPE [mended]. Each call keeps
 * an object in a way that the shape names; mended releases it again.
 */
public class Server {
    static class Entry {
        final int n;
        final String text;
        final double[] numbers = new double[200];

        Entry(int n) {
            this.n = n;
            this.text = "secret-argument-" + n;
        }
    }

    static class Registry {
        static final List<Entry> seen = new ArrayList<>();
    }

    static final List<Entry> kept = new ArrayList<>();
    static final Map<Integer, Entry> byId = new HashMap<>();
    static final List<IntSupplier> listeners = new ArrayList<>();
    static int calls;

    static void keep(String shape, Entry entry) {
        switch (shape) {
            case "list" -> kept.add(entry);
            case "map" -> byId.put(entry.n, entry);
            case "closure" -> listeners.add(() -> entry.n);
            default -> Registry.seen.add(entry);
        }
    }

    static void release() {
        kept.clear();
        byId.clear();
        listeners.clear();
        Registry.seen.clear();
    }

    static synchronized String call(String shape, boolean mended) {
        keep(shape, new Entry(calls++));
        if (mended) release();
        return "{\"content\": [{\"type\": \"text\", \"text\": \"hi\"}]}";
    }

    static final Pattern METHOD = Pattern.compile("\"method\"\\s*:\\s*\"([^\"]*)\"");
    static final Pattern ID = Pattern.compile("\"id\"\\s*:\\s*(\\d+|\"[^\"]*\")");
    static final Pattern VERSION = Pattern.compile("\"protocolVersion\"\\s*:\\s*\"([^\"]*)\"");

    static String find(Pattern pattern, String text) {
        Matcher found = pattern.matcher(text);
        return found.find() ? found.group(1) : null;
    }

    static String result(String body, String method, String[] args) {
        return switch (method) {
            case "initialize" -> "{\"protocolVersion\": \"" + find(VERSION, body)
                + "\", \"capabilities\": {\"tools\": {}}, \"serverInfo\": {\"name\": \"shapes\", \"version\": \"1\"}}";
            case "ping" -> "{}";
            case "tools/list" -> "{\"tools\": [{\"name\": \"echo\", \"inputSchema\": {\"type\": \"object\"}}]}";
            case "tools/call" -> call(args[1], args.length > 2);
            default -> null;
        };
    }

    static void answer(HttpExchange exchange, int status, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    static void handle(HttpExchange exchange, String[] args) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        String id = find(ID, body);
        if (!exchange.getRequestMethod().equals("POST")) {
            answer(exchange, 405, "");
        } else if (id == null) {
            answer(exchange, 202, "");
        } else {
            String result = result(body, String.valueOf(find(METHOD, body)), args);
            String rest = result != null ? "\"result\": " + result : "\"error\": {\"code\": -32601, \"message\": \"no such method\"}";
            answer(exchange, 200, "{\"jsonrpc\": \"2.0\", \"id\": " + id + ", " + rest + "}");
        }
    }

    public static void main(String[] args) throws IOException {
        System.setProperty("sun.net.httpserver.nodelay", "true");
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
        server.createContext("/mcp", exchange -> handle(exchange, args));
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
    }
}
