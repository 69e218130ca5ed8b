// Package classify tells what is on photos: bytes of a photo in, labels and their
// probabilities out. It joins a head with the networks that it was trained on, from a store
// or from one file that Export wrote, which needs neither the store nor the networks' files.
//
// A Classifier serves any number of goroutines. It keeps an extractor for each photo that is
// looked at at the same time, and makes no more of them than Options.Parallel.
//
// # The exported model
//
// Export writes an ONNX model that any runtime can run, with these inputs and outputs:
//
//	input          N×3×H×W or N×H×W×3 float32: photos prepared as its metadata says
//	probabilities  N×C float32, in the order of the labels
//	label          N int64: the number of the most probable one
//	similarity     N float32: cosine to the nearest of the head's prototypes
//	rejected       N bool: less similar than the head's threshold: none of the labels
//
// With ExportOptions.Pixels its input is pixels instead, one photo of any size as H×W×3
// bytes, and the preparation is part of the model. A head on several networks that are
// prepared for in different ways has the further inputs input2 and so on. The last two
// outputs are missing where a head cannot tell.
//
// Its metadata has the labels (featstore.labels, a JSON array), all that is known of the head
// and how photos are prepared (featstore.classifier, JSON: see Description), and the head
// itself (featstore.head), with which Open gives the very probabilities that the store gives.
// Other runtimes agree within about 1e-4, with networks of 8-bit numbers some 1e-2.
//
// The package trusts nothing in a file.
package classify
