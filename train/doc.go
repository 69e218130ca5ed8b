// Package train fits classifiers on the feature vectors of a store and says how
// good they are.
package train
