package replica

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// feed gives packets over a connection, in writes of any size.
func feed(t interface{ Cleanup(func()) }, raw []byte, r *rand.Rand) *packets {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	go func() {
		defer far.Close()
		for rest := raw; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(100_000))
			if _, err := far.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	}()
	return &packets{conn: near, patience: time.Minute}
}

// framed is a payload as the protocol sends it: a payload of full packets is
// followed by an empty one.
func framed(dst, payload []byte, count *byte) []byte {
	for {
		n := min(len(payload), fullPacket)
		dst = append(dst, byte(n), byte(n>>8), byte(n>>16), *count)
		dst = append(dst, payload[:n]...)
		*count++
		if payload = payload[n:]; n < fullPacket {
			return dst
		}
	}
}

// TestPackets: what is sent arrives, whatever the sizes of packets and reads are,
// and stays as it is while more arrives.
func TestPackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(0, 300), rapid.SampledFrom([]int{largePacket - 1, largePacket, largePacket + 1, chunkSize - 4, chunkSize, chunkSize + 1, 3 * chunkSize}))
		sizes := rapid.SliceOfN(size, 1, 60).Draw(t, "sizes")
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		var raw []byte
		var want [][]byte
		count := byte(0)
		for i, n := range sizes {
			payload := bytes.Repeat([]byte{byte(i)}, n)
			want = append(want, payload)
			raw = framed(raw, payload, &count)
		}
		p := feed(t, raw, r)
		var got [][]byte
		for range want {
			payload, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, payload)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("packet %d of %d bytes is another one", i, len(want[i]))
			}
		}
		if _, err := p.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("behind the last one: %v", err)
		}
	})
}

// TestPacketsThatGoOn: payloads of 16 MiB and more come in several packets.
func TestPacketsThatGoOn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var raw []byte
	count := byte(0)
	sizes := []int{fullPacket - 1, fullPacket, fullPacket + 1, 2*fullPacket + 7, 5}
	for _, n := range sizes {
		payload := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		raw = framed(raw, payload, &count)
	}
	p := feed(t, raw, r)
	for _, n := range sizes {
		got, err := p.next()
		if err != nil || len(got) != n || !bytes.HasPrefix(got, []byte("01234")) || got[n-1] != byte('0'+(n-1)%10) {
			t.Fatalf("%d bytes: %d, %v", n, len(got), err)
		}
	}
}

// TestPacketsInDisorder: a packet that is not the next one ends the reading.
func TestPacketsInDisorder(t *testing.T) {
	p := feed(t, []byte{1, 0, 0, 0, 'a', 1, 0, 0, 2, 'b'}, rand.New(rand.NewPCG(1, 1)))
	if got, err := p.next(); err != nil || string(got) != "a" {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := p.next(); err == nil {
		t.Errorf("%q is taken", got)
	}
}

// TestPacketsOfASilentSource: nobody waits for ever.
func TestPacketsOfASilentSource(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	p := &packets{conn: near, patience: time.Millisecond}
	var late net.Error
	if _, err := p.next(); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("%v", err)
	}
}
