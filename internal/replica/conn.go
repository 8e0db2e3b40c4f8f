package replica

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/uuid"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
)

// Config says what to read as whom.
type Config struct {
	Source config.Database
	// Flavor is binlog.MySQL or binlog.MariaDB.
	Flavor string
	// ServerID is the replica's own; of two replicas with the same one the server
	// ends the older.
	ServerID uint32
	// Heartbeat is how often a server without traffic says so, Patience how long
	// it may say nothing.
	Heartbeat, Patience time.Duration
	// Annotated asks MariaDB for annotate events too. Since 11.4 not each event
	// knows its place, and without them it cannot be counted.
	Annotated bool
}

const (
	connectTimeout = 10 * time.Second
	// firstPosition is where the first event of a binlog file begins.
	firstPosition = 4
	// annotated is the dump command's flag for annotate events.
	annotated = 2
	// mariadbGTID is what a replica says of itself that understands GTIDs.
	mariadbGTID = 4
)

// Conn is a connection that was asked for events.
type Conn struct {
	client  *client.Conn
	packets packets
	unhook  func() bool // from the context's end
}

// Read connects and asks for the events from a place on: behind the
// transactions of its GTID set when byGTID is true, else from its position. The
// end of ctx breaks the connection, also later.
func Read(ctx context.Context, cfg Config, from binlog.Location, byGTID bool) (*Conn, error) {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	sec := tlsconf.ForDatabase(cfg.Source, fault.Upstream)
	encryption, err := sec.Config()
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort(cfg.Source.Host, strconv.Itoa(cfg.Source.Port))
	c, err := client.ConnectWithDialer(connecting, "", addr, cfg.Source.User, cfg.Source.Password.Reveal(), "", bounded,
		func(c *client.Conn) error {
			c.SetAttributes(map[string]string{"_client_role": "binary_log_listener"})
			c.ReadTimeout = cfg.Patience
			if encryption != nil {
				c.SetTLSConfig(encryption)
			}
			return nil
		})
	if err != nil {
		return nil, sec.Explain(err)
	}
	if err := c.Conn.Conn.SetDeadline(time.Time{}); err != nil {
		_ = c.Close()
		return nil, err
	}
	unhook := context.AfterFunc(ctx, func() { _ = c.Conn.Conn.Close() }) // the client's own Close is for one goroutine
	if err := ask(c, cfg, from, byGTID); err != nil {
		unhook()
		_ = c.Close()
		return nil, err
	}
	// All answers so far were read to their end, so go-mysql's buffer is empty.
	return &Conn{client: c, unhook: unhook, packets: packets{conn: c.Conn.Conn, patience: cfg.Patience, count: c.Sequence}}, nil
}

// bounded connects, and gives the handshakes that follow the same time.
func bounded(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(connectTimeout))
}

// Close breaks the connection.
func (c *Conn) Close() {
	c.unhook()
	_ = c.client.Close()
}

// Next gives the next event: its header and its body, with a checksum only if
// the server adds one in spite of what it was asked. The bytes stay as they are.
// An error of the server is a *mysql.MyError.
func (c *Conn) Next() ([]byte, error) {
	for {
		p, err := c.packets.next()
		if err != nil {
			return nil, fmt.Errorf("the connection to the source broke: %w", err)
		}
		if len(p) == 0 {
			return nil, fmt.Errorf("the source sent a packet without content")
		}
		switch p[0] {
		case mysql.OK_HEADER:
			return p[1:], nil
		case mysql.ERR_HEADER:
			return nil, c.client.HandleErrorPacket(p)
		case mysql.EOF_HEADER:
			return nil, fmt.Errorf("the source ended the stream of its binlog")
		default:
			return nil, fmt.Errorf("the source sent a packet of a kind (%#x) that a stream of events does not have", p[0])
		}
	}
}

// ask says who reads and what.
func ask(c *client.Conn, cfg Config, from binlog.Location, byGTID bool) error {
	for _, text := range session(cfg, from, byGTID) {
		if _, err := c.Execute(text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	if err := send(c, register(cfg)); err != nil {
		return err
	}
	if _, err := c.ReadOKPacket(); err != nil {
		return fmt.Errorf("register as a replica: %w", err)
	}
	switch {
	case !byGTID:
		return send(c, dumpFrom(cfg, from.Position.Name, max(from.Position.Pos, firstPosition)))
	case cfg.Flavor == binlog.MariaDB:
		return send(c, dumpFrom(cfg, "", 0)) // the session's variable says from where
	}
	return send(c, dumpBehind(cfg, from.GTID.Raw().Encode()))
}

// session lists the statements that tell a server what its replica is able to
// do. Names that it does not know are variables of the user, and harmless.
func session(cfg Config, from binlog.Location, byGTID bool) []string {
	id := uuid.NewString()
	out := []string{
		"SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'",
		fmt.Sprintf("SET @master_heartbeat_period = %d, @source_heartbeat_period = %[1]d", cfg.Heartbeat.Nanoseconds()),
		fmt.Sprintf("SET @slave_uuid = '%s', @replica_uuid = '%[1]s'", id),
	}
	if cfg.Flavor != binlog.MariaDB {
		return out
	}
	out = append(out, fmt.Sprintf("SET @mariadb_slave_capability = %d", mariadbGTID))
	if byGTID {
		out = append(out, fmt.Sprintf("SET @slave_connect_state = '%s'", from.GTID.Raw()), "SET @slave_gtid_strict_mode = 1")
	}
	return out
}

// register is the command that shows the replica in the server's list.
func register(cfg Config) []byte {
	host, _ := os.Hostname() // only shown there
	host, user := clipped(host), clipped(cfg.Source.User)
	b := append(make([]byte, headSize), mysql.COM_REGISTER_SLAVE)
	b = binary.LittleEndian.AppendUint32(b, cfg.ServerID)
	b = append(append(b, byte(len(host))), host...)
	b = append(append(b, byte(len(user))), user...)
	b = append(b, 0) // no password
	b = binary.LittleEndian.AppendUint16(b, uint16(cfg.Source.Port))
	b = binary.LittleEndian.AppendUint32(b, 0) // a rank that nothing uses
	return binary.LittleEndian.AppendUint32(b, 0)
}

// clipped is as much of s as the length's one byte allows.
func clipped(s string) string {
	const most = 255
	return s[:min(len(s), most)]
}

// dumpFrom asks for the events from a position on.
func dumpFrom(cfg Config, file string, pos uint32) []byte {
	flags := uint16(0)
	if cfg.Annotated {
		flags = annotated
	}
	b := append(make([]byte, headSize), mysql.COM_BINLOG_DUMP)
	b = binary.LittleEndian.AppendUint32(b, pos)
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.LittleEndian.AppendUint32(b, cfg.ServerID)
	return append(b, file...)
}

// dumpBehind asks MySQL for the events of all transactions but those of a set.
func dumpBehind(cfg Config, set []byte) []byte {
	b := append(make([]byte, headSize), mysql.COM_BINLOG_DUMP_GTID)
	b = binary.LittleEndian.AppendUint16(b, 0) // flags
	b = binary.LittleEndian.AppendUint32(b, cfg.ServerID)
	b = binary.LittleEndian.AppendUint32(b, 0) // no file
	b = binary.LittleEndian.AppendUint64(b, firstPosition)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(set)))
	return append(b, set...)
}

// send begins a command; b has room for the packet's head.
func send(c *client.Conn, b []byte) error {
	c.ResetSequence()
	return c.WritePacket(b)
}
