import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.plugins.PluginInfo;

/**
 * One OpenSearch node of one process, on loopback only: `java OpenSearchNode <port> <folder>`.
 *
 * The server's own start class wants the folders of a distribution, and checks the machine for production; this one takes
 * its modules from the class path.
 */
public class OpenSearchNode extends Node {

    /** HTTP, and the analysers that our index is defined with. */
    static final List<Class<? extends Plugin>> MODULES = List.of(
        org.opensearch.transport.Netty4ModulePlugin.class,
        org.opensearch.analysis.common.CommonAnalysisModulePlugin.class);

    OpenSearchNode(Environment environment) {
        super(environment, MODULES.stream().map(OpenSearchNode::describe).toList(), true);
    }

    static PluginInfo describe(Class<?> module) {
        var name = module.getName();
        return new PluginInfo(name, "class path", "-", Version.CURRENT, "21", name, null, List.of(), false);
    }

    public static void main(String[] arguments) {
        try {
            var folder = Path.of(arguments[1]).toAbsolutePath();
            var settings = Settings.builder()
                .put("path.home", folder)
                .put("cluster.name", "local")
                .put("discovery.type", "single-node")
                .put("network.host", "127.0.0.1")
                .put("http.port", arguments[0])
                .put("transport.port", "0")
                // A developer's disk is often nearly full, and this node's data are worth nothing.
                .put("cluster.routing.allocation.disk.threshold_enabled", false)
                .build();
            var environment =
                InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), folder.resolve("config"), () -> "local");
            var node = new OpenSearchNode(environment);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                try {
                    node.close();
                } catch (Exception error) {
                    error.printStackTrace();
                }
            }));
            node.start();
            new CountDownLatch(1).await();
        } catch (Throwable error) {
            // Threads of a node that has half started would keep the process alive.
            error.printStackTrace();
            System.exit(1);
        }
    }
}
