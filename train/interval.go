package train

import "math"

// Z95 is the two-sided 95 % quantile of the standard normal distribution, for
// Wilson.
const Z95 = 1.959963984540054

// Wilson returns the Wilson score interval of a proportion of which correct out of
// total were counted: the share p whose own spread, z standard deviations wide, just
// reaches what was counted (Wilson 1927). Unlike the textbook interval it stays inside
// [0,1] and holds for few images and for shares near 1. Without any count, with total
// 0, it is (0, 1).
func Wilson(correct, total int, z float64) (low, high float64) {
	if total <= 0 {
		return 0, 1
	}
	n := float64(total)
	p := float64(correct) / n
	zz := z * z / n
	middle := p + float64(zz/2)
	spread := math.Sqrt(float64(float64(zz*p)*(1-p)) + float64(zz*zz/4))
	low, high = (middle-spread)/(1+zz), (middle+spread)/(1+zz)
	// At the ends the exact bound is the end itself; rounding must not miss it.
	if correct == 0 {
		low = 0
	}
	if correct == total {
		high = 1
	}
	return low, high
}

// A Proportion is a count out of a total, with its 95 % Wilson interval: how far off
// the share may be because only Total were counted.
type Proportion struct {
	Correct int     `json:"correct" msgpack:"correct"`
	Total   int     `json:"total" msgpack:"total"`
	Share   float64 `json:"accuracy" msgpack:"accuracy"` // 0 when Total is 0
	Low     float64 `json:"low" msgpack:"low"`
	High    float64 `json:"high" msgpack:"high"`
}

// NewProportion computes share and interval of correct out of total.
func NewProportion(correct, total int) Proportion {
	p := Proportion{Correct: correct, Total: total}
	p.Low, p.High = Wilson(correct, total, Z95)
	if total > 0 {
		p.Share = float64(correct) / float64(total)
	}
	return p
}
