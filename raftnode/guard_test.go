package raftnode

import (
	"testing"
	"time"
)

// A process that was stopped for a while, a machine that slept: the time that
// went by meanwhile was nobody's, and the disk has not hung.
func TestTimeThatTheProcessSleptThroughIsNotTheDisks(t *testing.T) {
	const most = 200 * time.Millisecond
	o := newOperations()
	now := time.Now()
	end := o.begin("append to the log")
	if _, age := o.oldest(now.Add(time.Hour), most); age > most {
		t.Errorf("a write that an hour's sleep interrupted is %s old", age)
	}
	// A disk that does not answer while the process looks on does hang.
	for i := range 20 {
		o.oldest(now.Add(time.Hour+time.Duration(i+1)*100*time.Millisecond), most)
	}
	what, age := o.oldest(now.Add(time.Hour+2*time.Second), most)
	if what != "append to the log" || age < 2*time.Second || age > 2*time.Second+most {
		t.Errorf("%q is %s old, want 2s", what, age)
	}
	end()
	if what, age := o.oldest(now.Add(2*time.Hour), most); age != 0 {
		t.Errorf("%q is still there, %s old", what, age)
	}
}
