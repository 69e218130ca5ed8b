package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"featstore/extract/ingest"
	"featstore/split"
	"featstore/store"
)

// printIngest tells people what a run found and did.
func (a *app) printIngest(r ingest.Report, interrupted bool) {
	if r.MovedFrom != "" {
		a.say("the folder was at %s before: its photos are known", r.MovedFrom)
	}
	if interrupted {
		fmt.Fprintf(a.Out, "Interrupted: %s of %s are in the store\n", grouped(r.Kept()), count(r.Found, "file"))
	} else {
		kept := r.Kept()
		if r.Labelling.Source.Kind == store.LabelsNone {
			fmt.Fprintf(a.Out, "%s without a label\n", count(kept, "photo"))
		} else {
			fmt.Fprintf(a.Out, "%s with %s: %s\n", count(kept, "photo"), count(len(r.Labels), "label"), printable(labelList(r.Labels)))
		}
	}
	fmt.Fprintf(a.Out, "  %s\n", strings.Join(ingestCounts(r), ", "))
	took := time.Duration(r.Seconds * float64(time.Second))
	pace := ""
	if n := r.Computed + r.Views; n > 0 && took > 0 {
		pace = fmt.Sprintf(", %.0f vectors/s", float64(n)/took.Seconds())
	}
	what := count(r.Computed, "vector")
	if r.Views > 0 {
		what += " and " + grouped(r.Views) + " of views"
	}
	fmt.Fprintf(a.Out, "  %s computed in %s%s\n", what, durationText(took), pace)
	if r.ViewsRemoved > 0 {
		fmt.Fprintf(a.Out, "  %s removed\n", count(r.ViewsRemoved, "vector")+" of other views")
	}
	if r.Own != nil {
		a.printOwnSplits(r.Own)
	}
	a.printGroups(r.Groups)
	a.printLeftOut(r)
}

// ingestCounts says what became of the files, leaving out what did not occur.
func ingestCounts(r ingest.Report) []string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, grouped(n)+" "+what)
		}
	}
	add(r.New, "new")
	add(r.Unchanged, "unchanged")
	add(r.Touched, "touched")
	add(r.Changed, "changed")
	add(r.Renamed, "renamed")
	add(r.Relabelled, "moved to another label")
	add(r.Duplicates, plural(r.Duplicates, "copy", "copies")+" of known photos")
	add(r.Vanished, "vanished meanwhile")
	add(r.Pruned, "pruned")
	add(len(r.Failures), "failed")
	if len(parts) == 0 {
		return []string{"nothing to do"}
	}
	return parts
}

func labelList(labels []ingest.LabelCount) string {
	return countedLabels(labels, func(l ingest.LabelCount) (string, int) { return l.Label, l.Photos })
}

// countedLabels lists the first labels with how many there are of each.
func countedLabels[T any](labels []T, of func(T) (string, int)) string {
	const most = 12
	var parts []string
	for i, l := range labels {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(labels)-most))
			break
		}
		label, n := of(l)
		parts = append(parts, fmt.Sprintf("%s %s", label, grouped(n)))
	}
	return strings.Join(parts, ", ")
}

// mostNamed is how many files of a kind are named; the rest are counted.
const mostNamed = 10

// printLeftOut warns of everything that is not used, by name.
func (a *app) printLeftOut(r ingest.Report) {
	warnList(a, count(len(r.Failures), "photo")+" could not be used", r.Failures, func(f ingest.Failure) string { return f.Path + ": " + f.Reason })
	if slices.ContainsFunc(r.Failures, func(f ingest.Failure) bool { return needsPhotoMemory(f.Reason) }) {
		a.hint(photoMemoryHint + "; --retry tries them again")
	}
	warnList(a, count(len(r.Damaged), "photo")+plural(len(r.Damaged), " is", " are")+" used although the files are damaged", r.Damaged, named)
	warnList(a, count(len(r.Suspicious), "photo")+plural(len(r.Suspicious), " is", " are")+" used, but "+plural(len(r.Suspicious), "looks", "look")+
		" like no photo of the label: look", r.Suspicious, named)
	warnList(a, count(len(r.Disputed), "photo")+
		plural(len(r.Disputed), " has several labels and is", " have several labels and are")+" left out until all but one are gone", r.Disputed,
		func(d ingest.Dispute) string { return strings.Join(d.Paths, ", ") })
	warnList(a, count(len(r.Unlabelled), "photo")+" directly in the folder "+plural(len(r.Unlabelled), "has", "have")+
		" no label: move "+plural(len(r.Unlabelled), "it", "them")+" into a label's folder", r.Unlabelled, itself)
	warnList(a, "labels without a usable photo", r.EmptyLabels, itself)
	warnList(a, "folders and archives that could not be read in full", r.Unread, named)
	if r.Vanished > 0 {
		a.warn("%s vanished before %s could be read", count(r.Vanished, "file"), plural(r.Vanished, "it", "they"))
	}
	for _, rival := range r.Rivals {
		a.warn("%s %s other labels in %s; if this folder has taken its place: %s", count(rival.Photos, "photo"),
			plural(rival.Photos, "has", "have"), rival.Folder, run("forget", argument(rival.Folder)))
	}
	warnList(a, "links, and entries of archives, left out", r.Links, named)
	if len(r.NotPhotos) > 0 {
		a.say("skipped, not photos: %s", firstFew(r.NotPhotos))
	}
	if r.Gone > 0 {
		where := "in the folder"
		if r.Labelling.Source.Kind != store.LabelsByFolder {
			where += " with a label"
		}
		a.say("%s in the store, but no longer %s: --prune drops %s", count(r.Gone, "photo"), where, plural(r.Gone, "it", "them"))
	}
	a.warnLikeSplits(r)
}

// warnLikeSplits says that folders look like splits and were not taken for them.
func (a *app) warnLikeSplits(r ingest.Report) {
	labels := splitNames(r.Labels)
	switch {
	case r.LikeSplits && labels != "":
		a.warn("the labels %s look like splits", labels)
	case r.LikeSplits:
		a.warn("photos lie in folders named after splits, which was not taken into account")
	case labels != "":
		a.warn("the labels %s look like splits: give a folder whose subfolders are named after what the photos show", labels)
		return
	default:
		return
	}
	a.hint(a.text("if they are: %s; nothing is computed again", run("ingest", argument(r.Root), "--split-folders")))
}

func itself(s string) string         { return s }
func named(p ingest.Problem) string  { return p.Path + ": " + p.Reason }
func firstFew(names []string) string { return strings.Join(clip(names), ", ") }

// clip shortens a list of names, saying how many there are beyond.
func clip(names []string) []string { return clipOf(names, len(names)) }

// clipOf is clip for names that are only the first of a number of things.
func clipOf(names []string, all int) []string {
	names = slices.Clone(names[:min(len(names), mostNamed)])
	if beyond := all - len(names); beyond > 0 {
		names = append(names, fmt.Sprintf("and %s more", grouped(beyond)))
	}
	return names
}

// warnList warns of things and names them, one a line.
func warnList[T any](a *app, what string, things []T, name func(T) string) {
	warnSome(a, what, things, name, len(things))
}

// warnSome is warnList for things that are only the first of a number of them.
func warnSome[T any](a *app, what string, things []T, name func(T) string, all int) {
	if all == 0 {
		return
	}
	a.warn("%s:", what)
	var names []string
	for _, t := range things {
		names = append(names, name(t))
	}
	for _, n := range clipOf(names, all) {
		fmt.Fprintf(a.Err, "  %s\n", printable(n))
	}
}

// plural chooses a word's form.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// splitNames returns the labels if they all are names of splits, a sign that a
// folder of splits was given instead of one of labels.
func splitNames(labels []ingest.LabelCount) string {
	var names []string
	for _, l := range labels {
		if _, ok := split.Spelling(l.Label); !ok {
			return ""
		}
		names = append(names, l.Label)
	}
	return strings.Join(names, ", ")
}
