package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/soheilhy/cmux"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/internal/tlsconf"
)

const (
	// maxRequest bounds one request: task files with many thousand tables fit.
	maxRequest = 32 << 20
	// maxStreams bounds the concurrent calls of one connection.
	maxStreams = 1000
	// stopWithin is how long calls under way may take after the end was asked for.
	stopWithin = 3 * time.Second
	// sniffWithin is how long a new connection may take to say which protocol it speaks.
	sniffWithin = 10 * time.Second
	// headerWithin is how long a client may take to send its HTTP request's head.
	headerWithin = 10 * time.Second
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	// Register adds the gRPC services: Master.Register or Worker.Register.
	Register func(grpc.ServiceRegistrar)
	// Master is set on masters: requests are forwarded when it does not lead.
	Master *Master
	// Metrics is where the server's own metrics are registered and what /metrics shows.
	Metrics *prometheus.Registry
	// Status is the text of /status.
	Status string
	// Health answers /health: nil is healthy.
	Health func(ctx context.Context) error
	// TLS is what the port speaks; nil: plain.
	TLS *tlsconf.Set
	Log *slog.Logger
}

// Server is one port that speaks gRPC and HTTP.
type Server struct {
	cfg  ServerConfig
	grpc *grpc.Server
	http *http.Server
	// quitC is closed when Run begins to end: sessions would go on for ever.
	quitC chan struct{}
}

// NewServer builds the server in memory.
func NewServer(cfg ServerConfig) *Server {
	s := &Server{cfg: cfg, quitC: make(chan struct{})}
	unary, stream := interceptors(cfg)
	stream = append(stream, s.endWithServer)
	s.grpc = grpc.NewServer(
		grpc.ChainUnaryInterceptor(unary...), grpc.ChainStreamInterceptor(stream...),
		grpc.Creds(newCallers()), grpc.MaxRecvMsgSize(maxRequest), grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 3 * time.Second, PermitWithoutStream: true}),
	)
	cfg.Register(s.grpc)
	s.http = &http.Server{Handler: pages(cfg), ReadHeaderTimeout: headerWithin,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)}
	return s
}

// endWithServer ends a stream's context when the server stops.
func (s *Server) endWithServer(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, cancel := context.WithCancel(ss.Context())
	defer cancel()
	go func() {
		select {
		case <-s.quitC:
			cancel()
		case <-ctx.Done():
		}
	}()
	return next(srv, &boundStream{ServerStream: ss, bound: func() context.Context { return ctx }})
}

// boundStream is a stream whose context ends earlier than gRPC's.
type boundStream struct {
	grpc.ServerStream
	bound func() context.Context
}

// Context ends with the stream or the server.
func (b *boundStream) Context() context.Context { return b.bound() }

// Run serves lis until ctx ends, then lets calls under way finish for a bounded
// time. It closes lis and is called once. The error is ctx's unless serving
// failed.
func (s *Server) Run(ctx context.Context, lis net.Listener) error {
	on := lis
	if s.cfg.TLS != nil {
		on = s.cfg.TLS.Listener(lis)
	}
	mux := cmux.New(on)
	mux.SetReadTimeout(sniffWithin)
	grpcLis := mux.Match(cmux.HTTP2()) // nothing but gRPC speaks HTTP/2 here, see tlsconf for clients that could
	httpLis := mux.Match(cmux.Any())
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ended(gctx, s.grpc.Serve(grpcLis)) })
	g.Go(func() error { return ended(gctx, s.http.Serve(httpLis)) })
	g.Go(func() error { return ended(gctx, mux.Serve()) })
	g.Go(func() error {
		<-gctx.Done()
		s.stop(ctx)
		mux.Close()
		return gctx.Err()
	})
	err := g.Wait()
	_ = lis.Close()
	return err
}

// ended turns the error of a listener that was closed on purpose into ctx's.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// stop ends the gRPC and HTTP sides; what is not finished in time is cut off.
func (s *Server) stop(ctx context.Context) {
	close(s.quitC)
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	cut := context.AfterFunc(sctx, s.grpc.Stop)
	defer cut()
	var g errgroup.Group
	g.Go(func() error { s.grpc.GracefulStop(); return nil })
	g.Go(func() error {
		if err := s.http.Shutdown(sctx); err != nil {
			return s.http.Close()
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		s.cfg.Log.Warn("the HTTP side did not close cleanly", "err", err)
	}
}
