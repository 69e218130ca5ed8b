// Package train fits classifiers, called heads, on the feature vectors of a store
// and says how good they are.
//
// # Model
//
// A frozen network has turned every image into D numbers, its features; the store
// keeps them. A head is what is learnt on top: a function from the features to a
// probability for each of C labels. Train fits one on the training split, watches
// and calibrates it on the validation split and, once, tests it on the testing
// split. A Head is saved in the store and loaded from it, and predicts from features
// alone. The features of several networks are concatenated.
//
// # Heads
//
// The default head, softmax, follows the article on transfer learning with Inception-v3,
// as in TensorFlow's retrain example
// (https://github.com/tensorflow/hub/tree/master/examples/image_retraining). It is one
// layer, trained by stochastic gradient descent on minibatches that are read at random
// from the store through cursors; nothing is kept in memory but the current two. Its
// weights start from a truncated normal distribution of deviation 0.001, its rate is
// 0.01, and each of 4,000 minibatches has 100 images: a label is drawn first, uniformly,
// then an image of it. So every label is trained on equally often, however many images it
// has.
//
// The head mlp is trained on the same minibatches: hidden layers with rectifiers and
// dropout before the output, by AdamW and one cycle of the learning rate, with the
// average of the weights that does best on the validation split. In a cross-validation,
// where that split is dealt out with the rest, it is the last average.
//
// The others read the features of the training split into memory once, N×D float32,
// and mostly a second time scaled; where C is chosen the folds take up to two copies
// more. That is 10 to 20 KB an image of 1,280 features: 100,000
// images take one to two gigabytes. They are logistic, multinomial logistic regression
// by L-BFGS; svm, one linear support vector machine a label by dual coordinate descent;
// lda, Gaussians with one shared, shrunk covariance; bayes, Gaussian naive Bayes; knn, the
// nearest neighbours by cosine, which keeps all images; and centroid, the nearest mean.
// Whatever is left open, C or k, is chosen by cross-validation within the training
// split. CrossValidate judges several kinds on the same folds, and KindAuto keeps the
// best of AutoKinds.
//
// # Probabilities
//
// A head trained on labels in balance (Config.Balance) believes all labels equally
// common; its probabilities are corrected to the frequencies of the training split
// unless Config.Prior says otherwise. Their temperature is fitted on the validation
// split.
//
// Probabilities do not tell what shows none of the labels. For that a head keeps
// prototypes of its training images: see Head.Rejects.
//
// # Promises
//
// Images of the testing split take no part in fitting or choosing anything.
//
// The same store, settings and version give the same head, to the last bit, on every
// machine, with any number of processors: sums are made in a fixed order, and nothing
// is left to the compiler or the mathematical library (see internal/product,
// internal/cholesky and internal/bitexact). A Head knows the fingerprint of the images
// it was trained on; Fresh tells whether they are still those of the store.
//
// An accuracy comes with its 95 % Wilson interval: on 350 test images it is some
// three percentage points to either side.
//
// Nothing is printed. What is worth telling while a head is trained comes as an
// Event; its String is a text for people.
package train
