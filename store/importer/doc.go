// Package importer reads vectors that other programs computed, and puts them into a
// store: the way back of package export.
//
// # Sources
//
// Open finds out by the bytes, not by the name, what there is:
//
//   - a folder that package export wrote as NPY, or any folder with a features.npy;
//   - an array of N×D floats of 16, 32 or 64 bits, with files beside it that give labels,
//     paths and splits (Options);
//   - CSV with a header: columns of features end in numbers that count from 0 or 1 (f0, 1,
//     feat_2), the others are found by their names;
//   - Parquet with a column of lists of floats, or columns as in CSV;
//   - a folder of bottleneck texts, label/photo.jpg.txt, each with numbers and commas
//     between them, as TensorFlow's retrain example keeps them.
//
// A Source is read twice: Survey learns what all rows have in common, Run stores them.
// Rows are streamed. Sizes that a file claims are compared with limits, and with the
// size of the file, before anything is allocated. Whatever the bytes are, reading ends in
// rows or in an error that wraps ErrSource; a row that cannot be used is named, counted
// and left out. The pages of a Parquet file are read by a library, which takes the sizes
// that they claim.
//
// # Photos
//
// A row is a photo with its vector. Its digest is that of the photo's bytes where the
// photos are at hand (Target.Photos), or what the row says, or that of the image which the store has
// under the row's path. Else it is the SHA-256 of the path as it is written, so that the
// vectors of two models for the same paths belong together; of rows without paths, that
// of the row's number and of all labels.
//
// A row's image lies under the photo folder given, or under a folder of the store that its
// path leads into, or under the folder that all such paths share. Where they
// share none, or are relative, the root is the imported file itself.
//
// # Promise
//
// A label that a row gives to an image replaces that of an earlier import. An image that
// comes from a file keeps its label, unless the photos are given. A split that a row says is
// set by hand where it differs from what the store has. Importing the same again changes
// nothing, and completes what an interruption has left.
package importer
