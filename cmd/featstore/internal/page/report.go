package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"featstore/cmd/featstore/internal/thumbnail"
	"featstore/split"
	"featstore/train"
	"featstore/train/report"
)

// A Report is what the page of a report shows.
type Report struct {
	Store   string // its file
	Version string // of featstore
	Made    time.Time
	Set     DataSet
	Figures *report.Figures
	Card    []Row // how it was made
	Most    int64 // bytes of the page at most
}

// A DataSet is what the store has.
type DataSet struct {
	Photos, Distinct, Unlabelled int
	StoreBytes                   int64
	Labels                       []Label
	Failures                     []Failure
	Warnings                     []string
}

// A Label counts photos of one label, by split.
type Label struct {
	Name                                  string
	Photos, Training, Validation, Testing int
}

// A Failure is a photo that could not be used.
type Failure struct{ Path, Reason string }

// A Row is a line of the model card.
type Row struct{ Name, Value string }

// Photos lists all photos that the page shows, those that matter most first.
func (r *Report) Photos() []thumbnail.Photo {
	var all []thumbnail.Photo
	at := map[split.Digest]int{}
	add := func(large bool, d split.Digest, paths []string) {
		if i, ok := at[d]; ok {
			all[i].Large = all[i].Large || large
			return
		}
		at[d] = len(all)
		all = append(all, thumbnail.Photo{Digest: d, Paths: paths, Large: large})
	}
	f := r.Figures
	if f.Evaluation != nil {
		for _, m := range f.Evaluation.Misses[:min(mostMisses, len(f.Evaluation.Misses))] {
			add(true, m.Digest, m.Paths)
		}
	}
	if f.Suspects != nil {
		for _, s := range f.Suspects.Ranked {
			add(true, s.Digest, s.Paths)
		}
	}
	if f.Near != nil {
		for _, g := range f.Near.Shown {
			for _, im := range g.Images[:min(mostInGroup, len(g.Images))] {
				add(true, im.Digest, im.Paths)
			}
		}
	}
	for _, o := range f.Odd {
		add(true, o.Digest, o.Paths)
	}
	if f.Evaluation != nil {
		for _, c := range f.Evaluation.Cells {
			for _, p := range c.Photos[:min(mostInCell, len(c.Photos))] {
				add(true, p.Digest, p.Paths)
			}
		}
	}
	if f.Map != nil {
		for _, p := range f.Map.Points {
			add(false, p.Digest, p.Paths)
		}
	}
	return all
}

// How many photos are shown of each kind.
const (
	mostMisses  = 60
	mostInCell  = 24
	mostInGroup = 8
)

// Render makes the page, with as many of the pictures as fit.
func (r *Report) Render(pictures *thumbnail.Pictures) ([]byte, error) {
	p := Pictures{Facts: pictures.Facts}
	bare, err := render("report", r.view(p, 0), p, true)
	if err != nil {
		return nil, err
	}
	// In the page a sheet is written in base64, and each photo on the map has some bytes more.
	room := r.Most - int64(len(bare)) - 20*int64(len(pictures.Facts)) - 20_000
	room = max(room, 0) / 4 * 3
	var left int64
	var without, lost int
	if p.Large, left, without, err = pictures.Sheets(thumbnail.Large, room); err != nil {
		return nil, err
	}
	if p.Small, _, lost, err = pictures.Sheets(thumbnail.Small, left); err != nil {
		return nil, err
	}
	if without += lost; without == 0 && len(p.Large.Sheets)+len(p.Small.Sheets) == 0 {
		return bare, nil
	}
	return render("report", r.view(p, without), p, true)
}

// A reportView is a Report with what its templates need besides.
type reportView struct {
	*Report
	Totals      Label
	Files       fileFacts
	Accuracy    *accuracyView
	Confusion   *confusionView
	Calibration *chart
	Curve       *chart
	Map         *mapView
	Without     int // thumbnails for which there was no room
}

func (r *Report) view(p Pictures, without int) *reportView {
	v := &reportView{Report: r, Files: factsOf(p.Facts), Without: without}
	for _, l := range r.Set.Labels {
		v.Totals.Photos += l.Photos
		v.Totals.Training += l.Training
		v.Totals.Validation += l.Validation
		v.Totals.Testing += l.Testing
	}
	if e := r.Figures.Evaluation; e != nil {
		v.Accuracy, v.Confusion, v.Calibration = viewAccuracy(e), viewConfusion(e), calibrationChart(e.Calibration)
	}
	if c := r.Figures.Curve; c != nil {
		v.Curve = curveChart(c)
	}
	if m := r.Figures.Map; m != nil {
		v.Map = viewMap(m, r.Set.Labels)
	}
	return v
}

// Largest is the number of photos of the largest label.
func (v *reportView) Largest() int {
	most := 1
	for _, l := range v.Set.Labels {
		most = max(most, l.Photos)
	}
	return most
}

// Misses are those that are shown.
func (v *reportView) Misses() []train.Miss {
	all := v.Figures.Evaluation.Misses
	return all[:min(len(all), mostMisses)]
}

// fileFacts sum up what files say of themselves.
type fileFacts struct {
	Looked  int
	Formats []formatCount
	Sizes   string // of the pictures, in pixels
	Bytes   string // of the files
	Gone    int
	Changed int
}

type formatCount struct {
	Name   string
	Photos int
}

// formatName is a format as people write it.
func formatName(name string) string {
	if name == "webp" {
		return "WebP"
	}
	return strings.ToUpper(name)
}

func factsOf(facts map[split.Digest]thumbnail.Facts) (f fileFacts) {
	counts := map[string]int{}
	var pixels [][2]int
	var sizes []int
	for _, one := range facts {
		switch {
		case one.Problem == "gone":
			f.Gone++
			continue
		case one.Problem == "changed since":
			f.Changed++
			continue
		}
		f.Looked++
		sizes = append(sizes, one.Bytes)
		if one.Width > 0 {
			counts[one.Format]++
			pixels = append(pixels, [2]int{one.Width, one.Height})
		}
	}
	for name, n := range counts {
		f.Formats = append(f.Formats, formatCount{formatName(name), n})
	}
	slices.SortFunc(f.Formats, func(a, b formatCount) int {
		return cmp.Or(cmp.Compare(b.Photos, a.Photos), cmp.Compare(a.Name, b.Name))
	})
	slices.Sort(sizes)
	if n := len(sizes); n > 0 {
		f.Bytes = fmt.Sprintf("%s to %s, half of them below %s", bytesText(int64(sizes[0])), bytesText(int64(sizes[n-1])), bytesText(int64(sizes[n/2])))
	}
	area := func(p [2]int) int { return p[0] * p[1] }
	slices.SortFunc(pixels, func(a, b [2]int) int { return cmp.Or(cmp.Compare(area(a), area(b)), cmp.Compare(a[0], b[0])) })
	if n := len(pixels); n > 0 {
		text := func(p [2]int) string { return fmt.Sprintf("%s × %s", grouped(p[0]), grouped(p[1])) }
		f.Sizes = fmt.Sprintf("%s to %s pixels, in the middle %s", text(pixels[0]), text(pixels[n-1]), text(pixels[n/2]))
	}
	return f
}
