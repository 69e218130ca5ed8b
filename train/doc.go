// Package train fits classifiers, called heads, on the feature vectors of a store
// and says how good they are.
//
// # Model
//
// A frozen network has turned every image into D numbers, its features; the store
// keeps them. A head is what is learnt on top: a function from the features to a
// probability for each of C labels. Train fits one on the training split, watches
// it on the validation split and, once, tests it on the testing split. A Head is
// saved in the store and loaded from it, and predicts from features alone.
//
// The default head is the article's: one softmax layer, trained by stochastic
// gradient descent on minibatches that are read at random from the store. Its
// weights start from a truncated normal distribution of deviation 0.001, its rate
// is 0.01, and each of 4,000 minibatches has 100 images: a label is drawn first,
// uniformly, then an image of it. So every label is trained on equally often,
// however many images it has, and the probabilities are those of a world where
// all labels are equally common.
//
// # Promises
//
// Images of the testing split take no part in fitting or choosing anything.
//
// The same store, settings and version give the same softmax head, to the last
// bit, on every machine, with any number of processors: sums are made in a fixed
// order, and nothing is left to the compiler or the mathematical library (see
// internal/product and internal/portable). A Head knows the fingerprint of the
// images it was trained on; Fresh tells whether they are still those of the store.
//
// An accuracy comes with its 95 % Wilson interval: on 350 test images it is some
// three percentage points to either side.
//
// Nothing is printed. What is worth telling while a head is trained comes as an
// Event; its String is a line for people.
package train
