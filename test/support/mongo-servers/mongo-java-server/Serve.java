import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Runs mongo-java-server, in memory, on a free port of 127.0.0.1, and prints its address. Ends with the process. */
public final class Serve {
  /** Its own newest says wire version 8, which drivers of today refuse; it speaks OP_MSG, which is all they need of 9. */
  private static final MongoVersion VERSION =
      new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
          return List.of(4, 4, 0);
        }

        @Override
        public int getWireVersion() {
          return 9;
        }
      };

  public static void main(String[] args) {
    MongoServer server = new MongoServer(new MemoryBackend().version(VERSION));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.bind("127.0.0.1", 0);
    System.out.println("ready: mongodb://127.0.0.1:" + server.getLocalAddress().getPort() + "/");
  }
}
