package dump

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
)

const (
	dialTimeout = 10 * time.Second
	// readBuffer is what one connection reads at once: large enough that the
	// rows of one system call keep the encoder busy for a while.
	readBuffer = 1 << 20
	// silence is how long the server may send nothing while it looks for the
	// next row. A filter on a huge table can keep it quiet for long.
	silence = 30 * time.Minute
)

// wire is one connection that reads rows without decoding them: database/sql
// would turn each value into an interface, which costs more than all the rest
// of the dump. Statements with small results go through the client library,
// which also does the handshake; stream talks to the socket itself. That works
// because both ends are idle between two statements: no byte is buffered.
type wire struct {
	conn *client.Conn
	sock net.Conn // what is read and written, under TLS its plain side
	raw  net.Conn // what is closed: that must wait for nobody
	in   *bufio.Reader
	head [4]byte
	long []byte // a row that does not fit into in
	out  []byte // what the encoder of this connection writes into, kept from chunk to chunk
}

// errMalformed is a packet that we cannot read. It is not transient: the next
// one would be no better.
var errMalformed = errors.New("the server sent a packet that is not understood")

// column is what the server says about one column of a result.
type column struct {
	typ     byte
	charset uint16
}

func dial(ctx context.Context, cfg config.Database) (*wire, error) {
	w := &wire{}
	sec := tlsconf.ForDatabase(cfg, fault.Upstream)
	encryption, err := sec.Config()
	if err != nil {
		return nil, err
	}
	dialer := func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		sock, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w.raw = sock
		return sock, sock.SetDeadline(time.Now().Add(dialTimeout)) // of the handshakes, too
	}
	addr := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	conn, err := client.ConnectWithDialer(ctx, "tcp", addr, cfg.User, cfg.Password.Reveal(), "", dialer, classic,
		func(c *client.Conn) error {
			if encryption != nil {
				c.SetTLSConfig(encryption)
			}
			return nil
		})
	if err != nil {
		return nil, translate(sec.Explain(err))
	}
	w.sock = conn.Conn.Conn
	if err := w.sock.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.conn, w.in = conn, bufio.NewReaderSize(w.sock, readBuffer)
	return w, nil
}

// classic keeps to the form of results that every server since MySQL 4.1 has
// and that stream reads: an EOF packet behind the columns and behind the rows.
func classic(c *client.Conn) error {
	c.UnsetCapability(gomysql.CLIENT_DEPRECATE_EOF)
	c.UnsetCapability(gomysql.CLIENT_QUERY_ATTRIBUTES)
	return nil
}

// Close ends the connection, and with it the transaction and locks it holds.
func (w *wire) Close() error { return w.raw.Close() }

// exec runs a statement whose result is small.
func (w *wire) exec(ctx context.Context, query string) (*gomysql.Result, error) {
	stop := context.AfterFunc(ctx, func() { w.raw.Close() })
	defer stop()
	res, err := w.conn.Execute(query)
	if err != nil {
		return nil, w.failed(ctx, err)
	}
	return res, nil
}

// stream runs a SELECT: begin is called once with the columns, row for each row
// with its packet, which is valid only until row returns. An error of theirs
// ends the connection.
func (w *wire) stream(ctx context.Context, query string, begin func([]column), row func([]byte) error) (err error) {
	stop := context.AfterFunc(ctx, func() { w.raw.Close() })
	defer stop()
	defer func() {
		if err != nil {
			err = w.failed(ctx, err)
		}
	}()
	if err := w.send(query); err != nil {
		return err
	}
	cols, err := w.columns()
	if err != nil {
		return err
	}
	begin(cols)
	for {
		p, err := w.packet()
		if err != nil {
			return err
		}
		if len(p) > 0 && p[0] == 0xff {
			return serverError(p)
		}
		if isEOF(p) {
			return nil
		}
		if err := row(p); err != nil {
			return errors.Join(err, w.Close())
		}
	}
}

// failed names the true cause: a cancelled context shows as a closed socket.
func (w *wire) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return translate(err)
}

func (w *wire) send(query string) error {
	if err := w.sock.SetDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	n := len(query) + 1
	if n >= 1<<24-1 {
		return fmt.Errorf("the SELECT statement has %d bytes, which is too much", n)
	}
	p := make([]byte, 4, 4+n)
	p[0], p[1], p[2] = byte(n), byte(n>>8), byte(n>>16)
	p = append(append(p, gomysql.COM_QUERY), query...)
	_, err := w.sock.Write(p)
	return err
}

// columns reads the head of a result: the number of columns, their definitions
// and the packet that ends them.
func (w *wire) columns() ([]column, error) {
	p, err := w.packet()
	if err != nil {
		return nil, err
	}
	if len(p) > 0 && p[0] == 0xff {
		return nil, serverError(p)
	}
	n, _, _ := lenenc(p)
	cols := make([]column, n)
	for i := range cols {
		if p, err = w.packet(); err != nil {
			return nil, err
		}
		if cols[i], err = definition(p); err != nil {
			return nil, err
		}
	}
	if p, err = w.packet(); err != nil {
		return nil, err
	}
	if !isEOF(p) {
		return nil, errMalformed
	}
	return cols, nil
}

// definition reads type and character set from a column definition packet,
// behind its six strings.
func definition(p []byte) (column, error) {
	for range 6 {
		n, width, ok := lenenc(p)
		if !ok || uint64(len(p)-width) < n {
			return column{}, errMalformed
		}
		p = p[width+int(n):]
	}
	if len(p) < 8 {
		return column{}, errMalformed
	}
	return column{charset: binary.LittleEndian.Uint16(p[1:]), typ: p[7]}, nil
}

// packet reads one packet. It is valid until the next call.
func (w *wire) packet() ([]byte, error) {
	n, err := w.header()
	if err != nil {
		return nil, err
	}
	if n <= readBuffer && n < 1<<24-1 {
		p, err := w.in.Peek(n)
		if err != nil {
			return nil, broken(err)
		}
		_, err = w.in.Discard(n)
		return p, err
	}
	w.long = w.long[:0]
	for {
		old := len(w.long)
		w.long = append(w.long, make([]byte, n)...)
		if _, err := io.ReadFull(w.in, w.long[old:]); err != nil {
			return nil, broken(err)
		}
		if n < 1<<24-1 {
			return w.long, nil
		}
		if n, err = w.header(); err != nil {
			return nil, err
		}
	}
}

func (w *wire) header() (int, error) {
	if w.in.Buffered() < 4 {
		// The next read waits for the server: it gets its time from now on.
		if err := w.sock.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return 0, err
		}
	}
	if _, err := io.ReadFull(w.in, w.head[:]); err != nil {
		return 0, broken(err)
	}
	return int(w.head[0]) | int(w.head[1])<<8 | int(w.head[2])<<16, nil
}

// broken makes an end of the stream in the middle of a result what it is.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isEOF(p []byte) bool { return len(p) > 0 && p[0] == 0xfe && len(p) < 9 }

// lenenc reads a length-encoded integer and how many bytes it takes. ok is
// false for NULL and for a damaged one.
func lenenc(p []byte) (n uint64, width int, ok bool) {
	if len(p) == 0 {
		return 0, 0, false
	}
	switch c := p[0]; {
	case c < 0xfb:
		return uint64(c), 1, true
	case c == 0xfc && len(p) >= 3:
		return uint64(binary.LittleEndian.Uint16(p[1:])), 3, true
	case c == 0xfd && len(p) >= 4:
		return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16, 4, true
	case c == 0xfe && len(p) >= 9:
		return binary.LittleEndian.Uint64(p[1:]), 9, true
	}
	return 0, 1, false
}

// serverError reads an error packet into the type that the rest of the program
// knows server errors by.
func serverError(p []byte) error {
	if len(p) < 3 {
		return errMalformed
	}
	e := &mysql.MySQLError{Number: binary.LittleEndian.Uint16(p[1:])}
	p = p[3:]
	if len(p) >= 6 && p[0] == '#' {
		copy(e.SQLState[:], p[1:6])
		p = p[6:]
	}
	e.Message = string(p)
	return e
}

// translate turns the client library's errors into the driver's.
func translate(err error) error {
	var my *gomysql.MyError
	if errors.As(err, &my) {
		e := &mysql.MySQLError{Number: my.Code, Message: my.Message}
		copy(e.SQLState[:], my.State)
		return e
	}
	if errors.Is(err, gomysql.ErrBadConn) {
		return fmt.Errorf("%w: %w", mysql.ErrInvalidConn, err)
	}
	return err
}
