import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.core.StandardHost;
import org.apache.catalina.startup.Tomcat;

/**
 * Reloads a web application in Tomcat again and again, and says what Tomcat finds left of the old
 * ones, and how often the provider's library is still in memory: TomcatRedeploy FOLDER TIMES
 */
public class TomcatRedeploy {
    private static final int PATIENCE = 200;

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        tomcat.setPort(0);
        StandardHost host = (StandardHost) tomcat.getHost();
        Context application =
            tomcat.addWebapp("", Path.of(arguments[0], "application").toString());
        tomcat.start();
        for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
            application.reload();
        }
        tomcat.stop();
        long left = Long.MAX_VALUE;
        for (int i = 0; i < PATIENCE && left > 0; i++) {
            // Runs the collector, too.
            left = host.findReloadedContextMemoryLeaks().length + libraries();
            Thread.sleep(50);
        }
        System.out.println(left == 0 ? "nothing is left" : "left: "
            + host.findReloadedContextMemoryLeaks().length + " applications, " + libraries()
            + " libraries");
    }

    private static long libraries() throws Exception {
        try (var maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.filter(line -> line.contains("r-xp")
                && line.contains("libkeyward_jce.so")).count();
        }
    }
}
