package page

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"featstore/cmd/featstore/internal/thumbnail"
	"featstore/split"
	"featstore/train"
	"featstore/train/report"
)

// A page of a report whose every text is one and the same.
func pageOf(t interface{ Fatal(...any) }, text string) string {
	im := train.Image{Digest: split.SumBytes([]byte(text)), Paths: []string{text}, Labels: []string{text}, Split: text}
	c := train.NewConfusion([]string{text, "other"})
	c.Add(0, 1)
	judged := []report.Judged{{Digest: im.Digest, Paths: im.Paths, Probability: 0.5}}
	r := &Report{Store: text, Version: text, Made: time.Unix(0, 0), Most: 1e6, Card: []Row{{text, text}},
		Set: DataSet{Photos: 1, Distinct: 1, Labels: []Label{{Name: text, Photos: 1}}, Failures: []Failure{{text, text}}, Warnings: []string{text}},
		Figures: &report.Figures{
			Evaluation: &report.Evaluation{Head: text, Kind: text, Report: &train.Report{Confusion: c, Labels: c.LabelScores(), Warnings: []string{text},
				Misses: []train.Miss{{Digest: im.Digest, Paths: im.Paths, Truth: text, Predicted: text}}},
				Cells: []report.Cell{{Truth: text, Predicted: "other", Photos: judged}}},
			Suspects: &report.Suspects{Ranked: []train.Suspect{{Digest: im.Digest, Paths: im.Paths, Label: text, Likely: text}}},
			Near:     &report.Near{Groups: 1, Photos: 2, Shown: []train.NearGroup{{Images: []train.Image{im, im}}}},
			Odd:      []train.OddOne{{Image: im}},
			Drift:    &train.Drift{By: "folder", Folder: text},
			Map:      &train.Projection{Photos: 1, Points: []train.Point{{Digest: im.Digest, Paths: im.Paths, Label: text, Split: text}}},
			Missing:  map[string]string{"learning_curve": text},
		}}
	facts := map[split.Digest]thumbnail.Facts{im.Digest: {Problem: text}}
	html, err := r.Render(&thumbnail.Pictures{Facts: facts})
	if err != nil {
		t.Fatal(err)
	}
	return string(html)
}

// Whatever labels, names and reasons are, a page has the same elements, and no character that
// turns text around.
func TestNothingInjects(t *testing.T) {
	shape := func(html string) (n [4]int) {
		return [4]int{strings.Count(html, "<"), strings.Count(html, ">"), strings.Count(html, `"`), strings.Count(html, "'")}
	}
	want := shape(pageOf(t, "plain"))
	rapid.Check(t, func(t *rapid.T) {
		attacks := []string{`</style><script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "{{.}}", "<!--", "]]>"}
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[<>"'&/a=\-! \x{202e}\x{2028}]{1,20}`), rapid.SampledFrom(attacks)).Draw(t, "text")
		html := pageOf(t, "x"+text)
		if got := shape(html); got != want {
			t.Fatalf("%q: %v, want %v", text, got, want)
		}
		if strings.ContainsAny(html, "\u202e\u202d\u2066\u2067\u2028\x00") {
			t.Fatalf("%q: marks of direction are left", text)
		}
	})
}
