package rpc

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"unicode"

	"github.com/soheilhy/cmux"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
)

// callers is the accepting side of gRPC's handshakes. The connection is ready: TLS
// was spoken below, where HTTP and gRPC part. It only tells who is at the other end.
type callers struct {
	credentials.TransportCredentials
}

func newCallers() callers { return callers{insecure.NewCredentials()} }

// ServerHandshake takes a connection as it is.
func (c callers) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	inner := raw
	if m, ok := raw.(*cmux.MuxConn); ok {
		inner = m.Conn
	}
	if t, ok := inner.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return raw, credentials.TLSInfo{State: t.ConnectionState(),
			CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
	}
	return c.TransportCredentials.ServerHandshake(raw)
}

// Clone copies it.
func (c callers) Clone() credentials.TransportCredentials { return c }

// callerName gives the common name of the certificate that a caller has shown, ""
// without TLS or without a name.
func callerName(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return ""
	}
	return clip(strings.Map(plainRune, info.State.PeerCertificates[0].Subject.CommonName), maxHeader)
}

// plainRune leaves out what would disturb a table or a log.
func plainRune(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}

// named puts the name of the caller's certificate, which is verified, before what
// the caller says of itself, which is not. A request that another master has passed
// on says who asked that one; its own name follows, unless it is this master's, too.
func (m *Master) named(ctx context.Context, claimed string) string {
	name := callerName(ctx)
	switch {
	case name == "":
		return claimed
	case header(ctx, headerForwarded) == "":
		return name + " (" + claimed + ")"
	case m.cfg.TLS != nil && name == m.cfg.TLS.CommonName():
		return claimed
	default:
		return claimed + " via " + name
	}
}
