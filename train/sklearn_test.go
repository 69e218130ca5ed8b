package train

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"featstore/split"
	"featstore/train/internal/nearest"
)

// A reference is what testdata/sklearn_reference.py recorded.
type reference struct {
	Labels           int         `json:"labels"`
	Dim              int         `json:"dim"`
	X                [][]float32 `json:"x"`
	Y                []int       `json:"y"`
	TestX            [][]float32 `json:"test_x"`
	TestY            []int       `json:"test_y"`
	Logistic         refLinear   `json:"logistic"`
	LogisticBalanced refLinear   `json:"logistic_balanced"`
	SVM              refLinear   `json:"svm"`
	SVMBalanced      refLinear   `json:"svm_balanced"`
	Bayes            refLinear   `json:"bayes"`
	LDA              refLinear   `json:"lda"`
	KNN              struct {
		K           int     `json:"k"`
		Neighbours  [][]int `json:"neighbours"`
		Predictions []int   `json:"predictions"`
	} `json:"knn"`
	Centroid struct {
		Predictions []int `json:"predictions"`
	} `json:"centroid"`
	Standard [][]float64 `json:"standard"`
	Metrics  struct {
		Accuracy  float64   `json:"accuracy"`
		Precision []float64 `json:"precision"`
		Recall    []float64 `json:"recall"`
		F1        []float64 `json:"f1"`
		Support   []int     `json:"support"`
		Macro     []float64 `json:"macro"`
		LogLoss   float64   `json:"log_loss"`
		Brier     float64   `json:"brier"`
		Top2      float64   `json:"top_2"`
		Top3      float64   `json:"top_3"`
		Confusion [][]int   `json:"confusion"`
	} `json:"metrics"`
}

type refLinear struct {
	C             float64     `json:"c"`
	Loss          float64     `json:"loss"`
	Probabilities [][]float64 `json:"probabilities"`
	Scores        [][]float64 `json:"scores"`
}

func loadReference(t *testing.T) (*reference, *table) {
	t.Helper()
	b, err := os.ReadFile("testdata/sklearn_reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return &r, &table{labels: r.Labels, dims: []int{r.Dim}, rows: r.X, truth: r.Y}
}

// probabilitiesOf returns the classifier's probabilities of rows.
func probabilitiesOf(c classifier, labels int, rows [][]float32) [][]float64 {
	out := make([][]float64, len(rows))
	for i, row := range rows {
		out[i] = make([]float64, labels)
		c.scores(out[i], [][]float32{row})
		softmax64(out[i])
	}
	return out
}

func requireNear(t *testing.T, what string, got, want [][]float64, tolerance float64) {
	t.Helper()
	worst := 0.0
	for i := range want {
		for c := range want[i] {
			worst = math.Max(worst, math.Abs(got[i][c]-want[i][c]))
		}
	}
	if !(worst <= tolerance) || len(got) != len(want) {
		t.Errorf("%s: up to %.2g from scikit-learn, %.2g allowed", what, worst, tolerance)
	}
}

func onePool(t *testing.T) *workerPool {
	c := newWorkerPool(2)
	t.Cleanup(c.close)
	return c
}

// fitLayerLike fits logistic or svm with given strength.
func fitLayerLike(t *testing.T, kind, balance string, tb *table, c float64) *layer {
	t.Helper()
	f := &fitting{cfg: Config{Kind: kind, Strength: c, Balance: balance, Scaling: ScaleNone}.complete(), pool: onePool(t), events: func(Event) {}}
	got, err := f.fitTable(context.Background(), tb)
	if err != nil {
		t.Fatal(err)
	}
	return got.classifier.(*layer)
}

func TestLogisticAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	for _, c := range []struct {
		balance string
		want    refLinear
	}{{BalanceNone, r.Logistic}, {BalanceWeights, r.LogisticBalanced}} {
		l := fitLayerLike(t, KindLogistic, c.balance, tb, c.want.C)
		o := newLogistic(tb, c.want.C, labelWeights(c.balance, tb.counts()), onePool(t))
		x := make([]float64, len(l.weights)+len(l.bias))
		for i, w := range append(append([]float32{}, l.weights...), l.bias...) {
			x[i] = float64(w)
		}
		if loss := o.at(x, make([]float64, len(x))); math.Abs(loss/c.want.Loss-1) > 1e-6 {
			t.Errorf("balance %s: loss %v, scikit-learn has %v", c.balance, loss, c.want.Loss)
		}
		requireNear(t, "logistic, balance "+c.balance, probabilitiesOf(l, r.Labels, r.TestX), c.want.Probabilities, 5e-4)
	}
}

func TestSVMAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	for _, c := range []struct {
		balance string
		want    refLinear
	}{{BalanceNone, r.SVM}, {BalanceWeights, r.SVMBalanced}} {
		l := fitLayerLike(t, KindSVM, c.balance, tb, c.want.C)
		if loss := svmObjective(l, tb, c.want.C, labelWeights(c.balance, tb.counts())); math.Abs(loss/c.want.Loss-1) > 1e-4 {
			t.Errorf("balance %s: objective %v, scikit-learn has %v", c.balance, loss, c.want.Loss)
		}
		scores := make([][]float64, len(r.TestX))
		for i, row := range r.TestX {
			scores[i] = make([]float64, r.Labels)
			l.scores(scores[i], [][]float32{row})
		}
		requireNear(t, "svm, balance "+c.balance, scores, c.want.Scores, 5e-3)
	}
}

func svmObjective(l *layer, tb *table, strength float64, weights []float64) float64 {
	sum := squares(l.weights)/2 + squares(l.bias)/2
	z := make([]float64, tb.labels)
	for i, row := range tb.rows {
		l.scores(z, [][]float32{row})
		w := strength
		if weights != nil {
			w *= weights[tb.truth[i]]
		}
		for c, v := range z {
			if c != tb.truth[i] {
				v = -v
			}
			slack := max(0, 1-v)
			sum += w * slack * slack
		}
	}
	return sum
}

func TestBayesAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	requireNear(t, "bayes", probabilitiesOf(fitBayes(tb, varianceSmoothing, onePool(t)), r.Labels, r.TestX), r.Bayes.Probabilities, 1e-6)
}

func TestLDAAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	l, err := fitLDA(tb, onePool(t))
	if err != nil {
		t.Fatal(err)
	}
	requireNear(t, "lda", probabilitiesOf(l, r.Labels, r.TestX), r.LDA.Probabilities, 1e-4)
}

func predictionsOf(c classifier, labels int, rows [][]float32) []int {
	var out []int
	for _, p := range probabilitiesOf(c, labels, rows) {
		out = append(out, argmax64(p))
	}
	return out
}

func TestKNNAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	c := fitKNN(tb, r.KNN.K, onePool(t))
	c.nearest(r.TestX, c.k, 0, 1, func(i int, best []nearest.Neighbour) {
		for k, n := range best {
			if want := r.KNN.Neighbours[i][k]; n.Row != want {
				t.Errorf("neighbour %d of image %d is %d, scikit-learn has %d", k, i, n.Row, want)
			}
		}
	})
	if d := cmp.Diff(r.KNN.Predictions, predictionsOf(c, r.Labels, r.TestX)); d != "" {
		t.Error(d)
	}
}

func TestCentroidAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	if d := cmp.Diff(r.Centroid.Predictions, predictionsOf(fitCentroid(tb, onePool(t)), r.Labels, r.TestX)); d != "" {
		t.Error(d)
	}
}

func TestStandardisingAgreesWithSklearn(t *testing.T) {
	r, tb := loadReference(t)
	s := fitScaling(ScaleStandard, tb)
	got := make([][]float64, len(r.TestX))
	for i, row := range r.TestX {
		dst := make([]float32, r.Dim)
		s.apply(dst, row)
		for _, v := range dst {
			got[i] = append(got[i], float64(v))
		}
	}
	requireNear(t, "standardised features", got, r.Standard, 1e-5)
}

func TestMetricsAgreeWithSklearn(t *testing.T) {
	r, _ := loadReference(t)
	m := r.Metrics
	tl := newTally([]string{"a", "b", "c", "d"}, r.Labels)
	for i, p := range r.Logistic.Probabilities {
		tl.add(split.Digest{}, r.TestY[i], p)
	}
	got := tl.report(split.Testing)
	if d := cmp.Diff(m.Confusion, got.Confusion.Counts); d != "" {
		t.Error(d)
	}
	same := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s is %v, scikit-learn has %v", what, got, want)
		}
	}
	for c, s := range got.Labels {
		same("precision", s.Precision, m.Precision[c])
		same("recall", s.Recall, m.Recall[c])
		same("F1", s.F1, m.F1[c])
		same("support", float64(s.Support), float64(m.Support[c]))
	}
	same("accuracy", got.Accuracy.Share, m.Accuracy)
	same("macro precision", got.Macro.Precision, m.Macro[0])
	same("macro recall", got.Macro.Recall, m.Macro[1])
	same("macro F1", got.Macro.F1, m.Macro[2])
	same("log loss", got.LogLoss, m.LogLoss)
	same("Brier score", got.Brier, m.Brier)
	same("top 2", got.TopK[1].Accuracy.Share, m.Top2)
	same("top 3", got.TopK[2].Accuracy.Share, m.Top3)
}
