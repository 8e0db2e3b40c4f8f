package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/raftdm/raftdm/internal/fault"
)

// interceptors gives what every call passes, outermost first: it is counted,
// its error gets DM's shape, it is logged with the error as it was, it is
// refused when it is meant for another cluster and brought to the leader if
// need be, and a panic becomes an error.
func interceptors(cfg ServerConfig) ([]grpc.UnaryServerInterceptor, []grpc.StreamServerInterceptor) {
	metrics := grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram())
	cfg.Metrics.MustRegister(metrics)
	logger := logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		cfg.Log.Log(ctx, slog.Level(level), msg, fields...)
	})
	logOpts := []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall), logging.WithCodes(codeOf), logging.WithLevels(logLevel),
		logging.WithDisableLoggingFields("grpc.component", "grpc.method_type", "grpc.start_time", "grpc.request.deadline"),
	}
	onPanic := recovery.WithRecoveryHandlerContext(func(ctx context.Context, p any) error {
		cfg.Log.ErrorContext(ctx, "a request made the server panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		return &fault.Error{Kind: fault.Internal, Msg: "the request made the server fail unexpectedly",
			Hint: "please report it with the server's log, which has the details"}
	})
	unary := []grpc.UnaryServerInterceptor{metrics.UnaryServerInterceptor(), shape, logging.UnaryServerInterceptor(logger, logOpts...)}
	if cfg.Master != nil {
		unary = append(unary, cfg.Master.oneCluster, cfg.Master.route, cfg.Master.noteRequests)
	}
	unary = append(unary, recovery.UnaryServerInterceptor(onPanic))
	stream := []grpc.StreamServerInterceptor{metrics.StreamServerInterceptor(),
		logging.StreamServerInterceptor(logger, logOpts...)}
	if cfg.Master != nil {
		stream = append(stream, cfg.Master.oneClusterStream)
	}
	stream = append(stream, recovery.StreamServerInterceptor(onPanic))
	return unary, stream
}

// logLevel says how much a call's outcome matters to whoever reads the log: a
// refusal is for the one who asked, a fault of ours is for the operator.
func logLevel(c codes.Code) logging.Level {
	switch c {
	case codes.OK:
		return logging.LevelDebug
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return logging.LevelError
	case codes.Unavailable, codes.DeadlineExceeded:
		return logging.LevelWarn
	default:
		return logging.LevelInfo
	}
}
