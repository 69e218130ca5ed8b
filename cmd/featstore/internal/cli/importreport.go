package cli

import (
	"fmt"
	"strings"

	"featstore/store/importer"
)

// importResult is the last line of --json.
type importResult struct {
	Event    string          `json:"event"`
	Path     string          `json:"path"`
	Format   importer.Format `json:"format"`
	Model    string          `json:"model"`
	Name     string          `json:"name"`
	Dim      int             `json:"dim"`
	Verified int             `json:"verified"`
	Unused   []string        `json:"unused"`
	*importer.Report
	Seconds     float64 `json:"seconds"`
	Interrupted bool    `json:"interrupted"`
}

// reportImport tells what an import did.
func (a *app) reportImport(r importResult) error {
	if a.json {
		return a.emit(r)
	}
	what := fmt.Sprintf("%s of %s", grouped(r.Done), count(r.Rows, "row"))
	if r.Done == r.Rows {
		what = count(r.Rows, "row")
	}
	if r.Interrupted {
		what = "Interrupted: " + what
	}
	fmt.Fprintf(a.Out, "%s in the store, %s each, as model %s (%.8s)\n", what, count(r.Dim, "feature"), printable(r.Name), r.Model)
	if counts := importCounts(r.Report); counts != "" {
		fmt.Fprintf(a.Out, "  %s\n", counts)
	}
	if len(r.Labels) > 0 {
		fmt.Fprintf(a.Out, "  %s: %s\n", count(len(r.Labels), "label"), printable(rowLabels(r.Labels)))
	}
	if s := r.Splits; s.All() > 0 {
		fmt.Fprintf(a.Out, "  splits by the file: training %s, validation %s, testing %s; %s set by hand\n",
			grouped(s.Training), grouped(s.Validation), grouped(s.Testing), grouped(r.Fixed))
	}
	if len(r.Unused) > 0 {
		a.say("not used: %s", firstFew(r.Unused))
	}
	name := func(f importer.Failure) string { return f.Row + ": " + f.Reason }
	warnSome(a, count(r.Failed, "row")+" could not be used", r.Failures, name, r.Failed)
	warnSome(a, count(r.KeptLabels, "photo")+" "+plural(r.KeptLabels, "keeps its label", "keep their labels")+": --photos takes those of the file",
		r.Kept, name, r.KeptLabels)
	return nil
}

// importCounts says what became of the rows, leaving out what did not occur.
func importCounts(r *importer.Report) string {
	parts := []string{grouped(r.New) + " new"}
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, grouped(n)+" "+what)
		}
	}
	add(r.Unchanged, "unchanged")
	add(r.Added, plural(r.Added, "photo has its vector", "photos have their vectors")+" now")
	add(r.Changed, "changed")
	add(r.Relabelled, "with another label")
	add(r.Copies, plural(r.Copies, "copy", "copies"))
	add(r.Failed, "failed")
	return strings.Join(parts, ", ")
}

func rowLabels(labels []importer.LabelCount) string {
	return countedLabels(labels, func(l importer.LabelCount) (string, int) { return l.Label, l.Rows })
}
