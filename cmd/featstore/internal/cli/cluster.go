package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"featstore/store"
	"featstore/train"
)

// A clusterRequest is what the command line asks for.
type clusterRequest struct {
	count   int
	seed    uint64
	of      string
	models  []string
	typical int
	format  string
	output  outputFile
}

// What is clustered.
const (
	clusterAll        = "all"
	clusterUnlabelled = "unlabelled"
)

func clusterCommand(a *app) *cobra.Command {
	var r clusterRequest
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Group photos that are alike, for instance to find labels for them",
		Long: `Divides photos into groups of similar ones, by k-means on their features, and names
the most typical photos of each group. The photos are those without a label (ingest
--unlabelled) or, if there are none, all; --of says which. Labels have no influence; those
that the photos of a group have are counted.

-o FILE writes a table of all photos: path, cluster, rank (1 is the most typical), cosine (to
the middle of the cluster), label. The column cluster has names for folders to sort the
photos into.

The same photos and seed give the same groups. The features are read into memory, 5 kB
a photo.

JSON, a line a group: cluster, photos, cosine (mean of its photos), labels (label,
photos), members (digest, paths, labels, split, cosine; the most typical first).` + storeExits(),
		Example: `  featstore cluster --count 8
  featstore cluster --count 20 --of all --typical 10
  featstore cluster --count 8 --format csv -o groups.csv`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.check(cmd.Flags().Changed("of")); err != nil {
				return err
			}
			return a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error { return a.cluster(cmd.Context(), db, r) })
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&r.count, "count", 8, "groups")
	flags.Uint64Var(&r.seed, "seed", 0, "seed of every random choice")
	flags.StringVar(&r.of, "of", "", "photos to group: all, or unlabelled (default: unlabelled if there are any)")
	flags.StringSliceVar(&r.models, "model", nil, "models whose vectors are compared, ids or names, joined by commas (default: the store's only one)")
	flags.IntVar(&r.typical, "typical", 5, "typical photos of each group to name")
	flags.StringVar(&r.format, "format", "", "of -o: csv")
	flags.StringVarP(&r.output.path, "output", "o", "", "file for a table of all photos")
	flags.BoolVar(&r.output.force, "force", false, "replace the file")
	return cmd
}

// check refuses what cannot be, before any work is done.
func (r *clusterRequest) check(ofGiven bool) error {
	switch {
	case r.count < 1:
		return usagef("--count %d: want a number of at least 1", r.count)
	case r.typical < 0:
		return usagef("--typical %d: want 0 or more", r.typical)
	case ofGiven && r.of != clusterAll && r.of != clusterUnlabelled:
		return usagef("--of %s: want %s or %s", r.of, clusterAll, clusterUnlabelled)
	case r.format != "" && r.format != "csv":
		return usagef("--format %s: want csv", r.format)
	case r.output.path == "" && (r.format != "" || r.output.force):
		return usagef("--format and --force go with -o FILE")
	case r.output.path == "-":
		return usagef("-o -: the table is written to a file, not to standard output")
	case r.output.path != "":
		if err := r.output.check(); err != nil {
			return fmt.Errorf("cannot write %s: %w", r.output.path, err)
		}
	}
	return nil
}

// cluster groups photos and shows the groups.
func (a *app) cluster(ctx context.Context, db *store.DB, r clusterRequest) error {
	models, err := trainingModels(db, r.models)
	if err != nil {
		return err
	}
	if r.of == "" {
		if r.of, err = clusterable(db); err != nil {
			return err
		}
	}
	opt := train.ClusterOptions{Models: models, Count: r.count, Seed: r.seed}
	if r.of == clusterUnlabelled {
		opt.Keep = func(p store.Placement) bool { return !p.Placed() && !p.Disputed }
	}
	progress, stop := a.watchPhotos("group")
	opt.Progress = progress
	c, err := train.Clusters(ctx, db, opt)
	stop()
	if err != nil {
		return trainAdvice(err)
	}
	if len(c.Clusters) == 0 {
		return hint(errors.New("no photos to group"), "%s brings photos without a label into the store, --of all groups those with one",
			run("ingest", "FOLDER", "--unlabelled"))
	}
	if r.output.path != "" {
		if err := r.output.write(clusterTable(c)); err != nil {
			return fmt.Errorf("write %s: %w", r.output.path, err)
		}
	}
	return a.showClusters(c, r)
}

// clusterable says which photos are grouped unless the user says so.
func clusterable(db *store.DB) (string, error) {
	s, err := db.Stats()
	if s.Unlabelled > 0 {
		return clusterUnlabelled, err
	}
	return clusterAll, err
}

// clusterName names the i-th cluster, such that names sort.
func clusterName(c *train.Clustering, i int) string {
	return fmt.Sprintf("cluster-%0*d", len(strconv.Itoa(len(c.Clusters))), i+1)
}

// clusterTable is the table that -o writes.
func clusterTable(c *train.Clustering) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"path", "cluster", "rank", "cosine", "label"}) // into memory: it cannot fail
	for i, cluster := range c.Clusters {
		for rank, m := range cluster.Members {
			for _, path := range m.Paths {
				_ = w.Write([]string{path, clusterName(c, i), strconv.Itoa(rank + 1), fmt.Sprintf("%.4f", m.Cosine), m.Label()})
			}
		}
	}
	w.Flush()
	return b.Bytes()
}

// A clusterLine is a group, as JSON.
type clusterLine struct {
	Name   string `json:"cluster"`
	Photos int    `json:"photos"`
	train.Cluster
}

func (a *app) showClusters(c *train.Clustering, r clusterRequest) error {
	if a.json {
		for i, cluster := range c.Clusters {
			if err := a.emit(clusterLine{clusterName(c, i), len(cluster.Members), cluster}); err != nil {
				return err
			}
		}
		return nil
	}
	without := ""
	if r.of == clusterUnlabelled {
		without = " without a label"
	}
	fmt.Fprintf(a.Out, "%s%s in %s\n", count(c.Photos, "photo"), without, count(len(c.Clusters), "group"))
	for i, cluster := range c.Clusters {
		fmt.Fprintf(a.Out, "\n%s: %s%s\n", clusterName(c, i), count(len(cluster.Members), "photo"), printable(labelCounts(cluster.Labels)))
		t := table{right: "rl"}
		for _, m := range cluster.Members[:min(r.typical, len(cluster.Members))] {
			t.row(fmt.Sprintf("%.3f", m.Cosine), strings.Join(m.Paths, " = "))
		}
		t.write(a.Out, "  ")
	}
	if r.output.path != "" {
		a.say("%s has all photos", r.output.path)
	}
	return nil
}

// labelCounts is ": 90 roses, 4 tulips", or nothing without any.
func labelCounts(labels []train.LabelCount) string {
	const most = 4
	var parts []string
	for _, l := range labels[:min(most, len(labels))] {
		parts = append(parts, fmt.Sprintf("%s %s", grouped(l.Photos), l.Label))
	}
	if len(labels) > most {
		parts = append(parts, "…")
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}
