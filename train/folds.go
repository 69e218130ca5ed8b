package train

import (
	"math/rand/v2"
)

// makeFolds deals images out to k folds, label by label in a random order, so that
// each fold has each label's share of images. A store's images are different
// files: copies have the same digest and are one image, so none straddles folds.
func makeFolds(truth []int, labels, k int, seed, repeat uint64) []int {
	rng := rand.NewPCG(seed, streamFolds<<32|repeat)
	byLabel := make([][]int, labels)
	for i, y := range truth {
		byLabel[y] = append(byLabel[y], i)
	}
	folds := make([]int, len(truth))
	next := 0
	for _, images := range byLabel {
		shuffle(rng, images)
		for _, i := range images {
			folds[i] = next % k
			next++ // goes on with the next label: no fold is favoured
		}
	}
	return folds
}

// shuffle brings list into a random order, the same on every machine.
func shuffle(src rand.Source, list []int) {
	for i := len(list) - 1; i > 0; i-- {
		j := below(src, i+1)
		list[i], list[j] = list[j], list[i]
	}
}

// below returns a number from 0 to n−1. Its bias, n/2⁶⁴, is negligible.
func below(src rand.Source, n int) int { return int(src.Uint64() % uint64(n)) }

// foldParts returns the places outside and inside a fold.
func foldParts(folds []int, fold int) (outside, inside []int) {
	for i, f := range folds {
		if f == fold {
			inside = append(inside, i)
		} else {
			outside = append(outside, i)
		}
	}
	return outside, inside
}
