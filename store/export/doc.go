// Package export writes the vectors of a store into files that other programs
// read: NumPy arrays, CSV or Parquet.
//
// # Rows
//
// A row is one content: the bytes of one or several files with one label, and what
// the chosen models computed from them. Files with the same bytes are one row, as
// they are one example to a trainer; the row has the path of the first, in the order
// of folders and paths, and the others as its copies. Contents under several labels
// are in dispute and not exported, nor are those that lack a vector of one of the
// models; the Summary counts both.
//
// Rows come in the order of split (training, validation, testing), label and
// digest, so the same store gives the same files, byte for byte. Vectors of several
// models are concatenated in the order in which the models are named, as they were
// computed: not scaled.
//
// Labels are numbered in their sorted order over all splits, so that exports of
// different splits agree about the numbers.
//
// # Files
//
// NPY is a folder of arrays of N rows, which numpy.load reads without pickle:
//
//	features.npy     N×D float32, row-major
//	labels.npy       N   int64, indexes of label_names.npy
//	label_names.npy  text
//	splits.npy       N   text: training, validation or testing
//	paths.npy        N   text
//	digests.npy      N   text: the SHA-256 of the file's bytes, 64 hexadecimal digits
//	export.json      the models, the labels' names, counts, and copies by digest
//
// CSV is one file with a header: path, label, split, digest, model (ids joined by
// "+"), copies (a JSON list, or nothing), and one column a feature, f0 to f(D−1), in
// the shortest decimal form that reads back as the same float32. Parquet is one file
// with the columns path, label, split, digest, copies (a list) and features (a list
// of D float32), in row groups of about 16 MB; its metadata has what export.json
// has, under the key "featstore", without the copies.
//
// Paths are text. Where a file's name is not UTF-8, NPY and CSV keep it so that
// Python opens the file (surrogate escapes in arrays, the bytes themselves in CSV);
// Parquet and JSON, which cannot, have U+FFFD in its place, and Summary counts them.
//
// # Promise
//
// Files take their name once they are complete and on disk. An error, also one of
// the disk, leaves nothing behind and an earlier export as it was; a kill may leave a
// hidden file or folder whose name ends in .tmp. Memory does not
// grow with the dimension times the number of rows: 32 bytes a row are held, and
// for Parquet some 60 MB for a row group and its compression.
package export
