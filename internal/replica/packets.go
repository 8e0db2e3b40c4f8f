package replica

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// chunkSize is the memory that packets share, and what one read asks for at most.
	chunkSize = 64 << 10
	// largePacket has memory of its own.
	largePacket = chunkSize / 4
	// headSize is a packet's head: three bytes of length and one that counts.
	headSize = 4
	// fullPacket is the length of a packet that the next one continues.
	fullPacket = 1<<24 - 1
	// deadlineStep is how seldom the read deadline is moved.
	deadlineStep = time.Second
)

// packets reads the packets of a connection.
type packets struct {
	conn     net.Conn
	patience time.Duration // how long one read may take
	moved    time.Time     // when the deadline was moved last

	chunk      []byte
	begin, end int // what was read and not given yet
	count      byte
}

// next gives the payload of a packet, of all parts of one that is in several.
// The bytes stay as they are.
func (p *packets) next() ([]byte, error) {
	out, n, err := p.part(nil)
	for err == nil && n == fullPacket {
		out, n, err = p.part(out)
	}
	return out, err
}

// part reads one packet and appends it to what came before, if anything did.
func (p *packets) part(before []byte) ([]byte, int, error) {
	if err := p.fill(headSize); err != nil {
		return nil, 0, err
	}
	head := p.chunk[p.begin:]
	n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if head[3] != p.count {
		return nil, 0, fmt.Errorf("the packet number %d came where number %d was due", head[3], p.count)
	}
	p.count++
	p.begin += headSize
	if n > largePacket || before != nil {
		out, err := p.own(before, n)
		return out, n, err
	}
	if err := p.fill(n); err != nil {
		return nil, 0, err
	}
	out := p.chunk[p.begin : p.begin+n : p.begin+n]
	p.begin += n
	return out, n, nil
}

// own appends n bytes to memory that nothing else shares.
func (p *packets) own(before []byte, n int) ([]byte, error) {
	have := len(before)
	out := before
	if cap(out) < have+n {
		out = make([]byte, have, 2*have+n)
		copy(out, before)
	}
	out = out[:have+n]
	got := copy(out[have:], p.chunk[p.begin:p.end])
	p.begin += got
	for got < n {
		m, err := p.read(out[have+got:])
		if err != nil {
			return nil, err
		}
		got += m
	}
	return out, nil
}

// fill makes sure that n bytes, which fit into a chunk, are there in one piece.
func (p *packets) fill(n int) error {
	if len(p.chunk)-p.begin < n {
		chunk := make([]byte, chunkSize)
		p.end = copy(chunk, p.chunk[p.begin:p.end])
		p.chunk, p.begin = chunk, 0
	}
	for p.end-p.begin < n {
		m, err := p.read(p.chunk[p.end:])
		if err != nil {
			return err
		}
		p.end += m
	}
	return nil
}

// read reads something.
func (p *packets) read(into []byte) (int, error) {
	if now := time.Now(); now.Sub(p.moved) >= deadlineStep {
		if err := p.conn.SetReadDeadline(now.Add(p.patience)); err != nil {
			return 0, err
		}
		p.moved = now
	}
	n, err := p.conn.Read(into)
	switch {
	case n > 0:
		return n, nil // an error comes again with the next read
	case err == nil:
		return 0, io.ErrNoProgress
	case errors.Is(err, io.EOF):
		return 0, io.ErrUnexpectedEOF // the stream has no end of its own
	}
	return 0, err
}
