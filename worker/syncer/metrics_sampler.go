package syncer

import "sync/atomic"

const (
	// stride is how many events one stands for that is measured in a busy second.
	// It is prime: transactions of equal length must not be measured at the same of
	// their events each time.
	stride = 61
	// measuredFirst is how many are measured in each second before that, one by
	// one: a source with little traffic is seen as it is.
	measuredFirst = 32
)

// sampler chooses which of many events are measured, each for itself and those
// since the last one. Reading the clock and observing for all of them would cost
// as much as decoding small rows does.
type sampler struct {
	left   atomic.Int32 // that are measured in this second, one by one
	unseen uint64
}

// due tells how many events the present one stands for; 0 is for one that is not
// measured. One goroutine calls it.
func (s *sampler) due() uint64 {
	s.unseen++
	if s.unseen < stride && s.left.Load() <= 0 {
		return 0
	}
	return s.take()
}

func (s *sampler) take() uint64 {
	n := s.unseen
	s.unseen = 0
	s.left.Add(-1)
	return n
}

// refill begins a second.
func (s *sampler) refill() { s.left.Store(measuredFirst) }
