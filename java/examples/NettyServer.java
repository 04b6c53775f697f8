import dev.keyward.jce.KeyFilter;
import dev.keyward.jce.KeywardProvider;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Security;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.KeyManagerFactory;

/**
 * An HTTPS server of Netty, its keys in the Keyward service; of several keys each client gets one
 * that it can use. It needs io.netty:netty-codec-http and io.netty:netty-handler.
 *
 * <p>The keys come in a KeyManagerFactory and TLS is Java's own: {@code keyManager(key, chain)}
 * copies keys into another KeyStore, and Netty's OpenSSL engine wants them encoded.
 *
 * <pre>NettyServer PORT ALIAS…</pre>
 */
public class NettyServer {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new KeywardProvider());
        String[] aliases = Arrays.copyOfRange(arguments, 1, arguments.length);
        AtomicReference<SslContext> tls = new AtomicReference<>(tls(aliases));

        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(NioIoHandler.newFactory());
        Channel server = new ServerBootstrap().group(loops)
            .channel(NioServerSocketChannel.class)
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    channel.pipeline().addLast(tls.get().newHandler(channel.alloc()),
                        new HttpServerCodec(), new HttpObjectAggregator(65536), new Hello());
                }
            })
            .bind("127.0.0.1", Integer.parseInt(arguments[0])).sync().channel();
        System.out.println("listening on https://localhost:"
            + ((InetSocketAddress) server.localAddress()).getPort());

        // Each byte on standard input reads the certificates anew; its end ends the server.
        while (System.in.read() >= 0) {
            tls.set(tls(aliases));
            System.out.println("reloaded");
        }
        loops.shutdownGracefully().sync();
    }

    private static SslContext tls(String[] aliases) throws Exception {
        KeyStore keys = KeyStore.getInstance("Keyward");
        keys.load(KeyFilter.all().withAliases(aliases));
        KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
        managers.init(keys, null);
        return SslContextBuilder.forServer(managers).sslProvider(SslProvider.JDK).build();
    }

    private static final class Hello extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            byte[] page = "Hello from Netty\n".getBytes(StandardCharsets.UTF_8);
            DefaultFullHttpResponse response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1,
                HttpResponseStatus.OK, Unpooled.wrappedBuffer(page));
            response.headers().set(HttpHeaderNames.CONTENT_LENGTH, page.length);
            context.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
        }
    }
}
