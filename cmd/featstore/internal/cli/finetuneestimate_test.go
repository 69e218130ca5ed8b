package cli

import (
	"testing"
	"time"
)

// The time that is said beforehand counts what is computed: with all activations in the
// cache none, without room for them all of them in each epoch.
func TestEstimateKnowsTheCache(t *testing.T) {
	c := tuningCosts{read: 10 * time.Second, forward: time.Second, both: 3 * time.Second}
	const training, validation, all = 80, 10, 100
	inEnd := 100 * 11 * time.Second // the vectors
	for _, test := range []struct {
		o           cacheOutlook
		once, epoch time.Duration
	}{
		{cacheOutlook{100, 0, 1000}, inEnd + 1000*time.Second + 80*time.Second, 250 * time.Second},
		{cacheOutlook{100, 100, 1000}, inEnd + 80*time.Second, 250 * time.Second},
		{cacheOutlook{100, 40, 1000}, inEnd + 600*time.Second + 80*time.Second, 250 * time.Second},
		{cacheOutlook{100, 40, 50}, inEnd + 100*time.Second + 400*time.Second + 80*time.Second, 250*time.Second + 450*time.Second},
		{cacheOutlook{100, 0, 0}, inEnd + 800*time.Second + 80*time.Second, 250*time.Second + 900*time.Second},
		{cacheOutlook{260, 100, 1000}, inEnd + 1600*time.Second + 80*time.Second, 250 * time.Second},
		{cacheOutlook{}, inEnd + 800*time.Second + 80*time.Second, 250*time.Second + 900*time.Second}, // at the input
	} {
		if got := c.estimate(training, validation, all, test.o); got.once != test.once || got.epoch != test.epoch {
			t.Errorf("%+v: %+v, not %v and %v", test.o, got, test.once, test.epoch)
		}
	}
	e := tuningEstimate{once: 10 * time.Second, epoch: 5 * time.Second}
	if e.seconds(3) != 25*time.Second || e.epochsIn(26*time.Second) != 3 || e.epochsIn(time.Second) != 0 || e.epochsIn(0) < 1000 {
		t.Errorf("%v, %d, %d", e.seconds(3), e.epochsIn(26*time.Second), e.epochsIn(time.Second))
	}
}
