package rpc

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/raftdm/raftdm/internal/tlsconf"
)

// WithTLS makes Dial's connections those of set, which may be nil: plain ones.
// failed, if not nil, hears why a connection could not be made; gRPC itself tells
// it only to calls.
func WithTLS(set *tlsconf.Set, failed func(error)) grpc.DialOption {
	return grpc.WithTransportCredentials(handshaker{TransportCredentials: insecure.NewCredentials(), set: set, failed: failed})
}

// handshaker is the connecting side of gRPC's handshakes.
type handshaker struct {
	credentials.TransportCredentials // plain ones
	set                              *tlsconf.Set
	failed                           func(error)
}

// ClientHandshake makes one connection what it has to be.
func (h handshaker) ClientHandshake(ctx context.Context, addr string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if h.set == nil {
		c, info, err := h.TransportCredentials.ClientHandshake(ctx, addr, tlsconf.Plain(raw, addr))
		return h.watched(c), info, err
	}
	c, err := h.set.Client(ctx, raw, addr, "h2")
	if err != nil {
		if h.failed != nil && ctx.Err() == nil {
			h.failed(err)
		}
		return nil, nil, err
	}
	return h.watched(c), credentials.TLSInfo{State: c.ConnectionState(),
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

// Info names the protocol.
func (h handshaker) Info() credentials.ProtocolInfo {
	if h.set == nil {
		return h.TransportCredentials.Info()
	}
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone copies it.
func (h handshaker) Clone() credentials.TransportCredentials { return h }

// watched tells failed of what the first read brings: a refusal of our
// certificate, or an answer in TLS to plain text.
func (h handshaker) watched(c net.Conn) net.Conn {
	if h.failed == nil {
		return c
	}
	return &watched{Conn: c, failed: h.failed}
}

type watched struct {
	net.Conn
	failed func(error)
	read   bool // something was; only the reader looks at it
}

// Read reads.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil && !w.read {
		w.failed(err)
	}
	w.read = true
	return n, err
}
