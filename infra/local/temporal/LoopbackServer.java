// Temporal's Java test server on the loopback interface: its own main class listens on all of them. Run from source:
// java -cp 'jars/*' LoopbackServer.java PORT

import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.temporal.internal.testservice.GRPCServerHelper;
import io.temporal.internal.testservice.TestServicesStarter;
import java.net.InetSocketAddress;

final class LoopbackServer {
  // As much as Temporal's own server takes: shard plans are the largest messages.
  private static final int MAX_MESSAGE_BYTES = 128 << 20;

  public static void main(String[] args) throws Exception {
    // True: its clock is the real one, and never skips ahead.
    TestServicesStarter services = new TestServicesStarter(true, 0);
    InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0]));
    NettyServerBuilder builder = NettyServerBuilder.forAddress(address).maxInboundMessageSize(MAX_MESSAGE_BYTES);
    GRPCServerHelper.registerServicesAndHealthChecks(services.getServices(), builder);
    builder.build().start().awaitTermination();
  }
}
