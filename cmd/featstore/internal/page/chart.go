package page

import (
	"fmt"
	"math"
	"strings"

	"featstore/train"
)

// Charts are drawn as SVG within the page, by classes of its style, so that they follow light
// and dark. gonum/plot was tried: its SVG has colours and fonts as style attributes, which a
// strict policy forbids and no dark mode reaches.

// Sides of a chart, and of the margins around what is plotted.
const (
	chartWidth   = 440
	chartHeight  = 300
	chartLeft    = 50
	chartRight   = 26
	chartTop     = 12
	chartBottom  = 44
	plotWidth    = chartWidth - chartLeft - chartRight
	plotHeight   = chartHeight - chartTop - chartBottom
	axisTextDrop = 18
)

// A chart is a picture of numbers, in the units of its view box.
type chart struct {
	Width, Height    int
	Left, Right      float64
	Top, Bottom      float64
	Title            string // for those who do not see it
	XName, YName     string
	XTicks, YTicks   []tick
	Diagonal         bool
	Band, Line       string // paths
	Marks            []mark
	Words            string // what it says
	XNameAt, YNameAt float64
}

type tick struct {
	At   float64
	Text string
}

// A mark is a point with its interval.
type mark struct {
	X, Y, Low, High, Radius float64
	Words                   string
}

func newChart(title, x, y string) *chart {
	return &chart{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth - chartRight, Top: chartTop, Bottom: chartHeight - chartBottom,
		Title: title, XName: x, YName: y, XNameAt: chartLeft + plotWidth/2, YNameAt: chartTop + plotHeight/2}
}

func round(x float64) float64 { return math.Round(x*10) / 10 }

// x and y place shares from 0 to 1 on the plot.
func (c *chart) x(share float64) float64 { return round(chartLeft + plotWidth*share) }
func (c *chart) y(share float64) float64 { return round(chartTop + plotHeight*(1-share)) }

// calibrationChart plots how many photos are right against how sure the head was.
func calibrationChart(bins []train.CalibrationBin) *chart {
	c := newChart("Share of photos that are right, against the probability that the classifier gave", "probability given", "share that is right")
	c.Diagonal = true
	for i := range 6 {
		share := float64(i) / 5
		c.XTicks = append(c.XTicks, tick{c.x(share), fmt.Sprintf("%.0f %%", 100*share)})
		c.YTicks = append(c.YTicks, tick{c.y(share), fmt.Sprintf("%.0f %%", 100*share)})
	}
	total := 0
	for _, b := range bins {
		total += b.Accuracy.Total
	}
	for _, b := range bins {
		a := b.Accuracy
		radius := 2.5 + 7*math.Sqrt(float64(a.Total)/float64(max(total, 1)))
		words := fmt.Sprintf("%s given about %s %%: %s %% right (%s to %s %%)", count(a.Total, "photo"), percent(b.Confidence), percent(a.Share), percent(a.Low),
			percent(a.High))
		c.Marks = append(c.Marks, mark{c.x(b.Confidence), c.y(a.Share), c.y(a.Low), c.y(a.High), round(radius), words})
	}
	return c
}

// curveChart plots the accuracy against the number of training photos, on a logarithmic axis.
func curveChart(l *train.Curve) *chart {
	c := newChart("Accuracy against the number of training photos", "training photos", "accuracy")
	low := 1.0
	for _, p := range l.Points {
		low = min(low, p.Low)
	}
	low = math.Floor(10*low) / 10
	if low > 0.9 {
		low = 0.9
	}
	y := func(share float64) float64 { return c.y((share - low) / (1 - low)) }
	step := 0.1
	if low >= 0.8 {
		step = 0.05
	}
	for share := low; share < 1.001; share += step {
		c.YTicks = append(c.YTicks, tick{y(share), fmt.Sprintf("%.0f %%", 100*share)})
	}
	first, last := float64(l.Points[0].Images), float64(l.Points[len(l.Points)-1].Images)
	x := func(images int) float64 {
		if last == first {
			return c.x(0.5)
		}
		return c.x(0.04 + 0.92*math.Log(float64(images)/first)/math.Log(last/first))
	}
	var line, above, below []string
	for _, p := range l.Points {
		at := x(p.Images)
		c.XTicks = append(c.XTicks, tick{at, grouped(p.Images)})
		line = append(line, fmt.Sprintf("%g %g", at, y(p.Mean)))
		above = append(above, fmt.Sprintf("%g %g", at, y(p.High)))
		below = append([]string{fmt.Sprintf("%g %g", at, y(p.Low))}, below...)
		words := fmt.Sprintf("%s: %s %% (%s to %s %%)", count(p.Images, "photo"), percent(p.Mean), percent(p.Low), percent(p.High))
		c.Marks = append(c.Marks, mark{at, y(p.Mean), y(p.Mean), y(p.Mean), 3.5, words})
	}
	c.Line = "M" + strings.Join(line, "L")
	c.Band = "M" + strings.Join(append(above, below...), "L") + "Z"
	c.Words = curveWords(l.Points)
	return c
}

// curveWords says whether more photos would help.
func curveWords(points []train.CurvePoint) string {
	if len(points) < 2 {
		return "There are too few photos to see where it goes."
	}
	a, b := points[len(points)-2], points[len(points)-1]
	gain := fmt.Sprintf("Twice the photos, %s instead of %s, changed the accuracy by %+.1f points.", grouped(b.Images), grouped(a.Images), 100*(b.Mean-a.Mean))
	gain = strings.ReplaceAll(gain, " -", " \u2212")
	switch {
	case b.Mean-a.Mean > 0.01:
		return gain + " More photos will probably help."
	case b.Mean-a.Mean > 0.003:
		return gain + " More photos may help a little."
	}
	return gain + " More photos of the same kind will hardly help; better labels or another network may."
}
