"""The approaches and what they stand on. Only trainable.py knows Ray.

approach.py       the contract that every approach keeps
better_cnn.py  fine_tune.py  feature_svm.py    the approaches, one a file
registry.py       the approaches by name
clock.py          metered time: what is charged and what is not
driver.py         the only loop: step, validate, report, stop at the allowance
sgd.py            one training step for all networks
data.py           data sets as arrays of images, and splits; its parts are data_config.py, folders.py,
                  torchvision_sets.py, splits.py, images.py and image_cache.py
fetch.py          downloads the seed study's photographs
backbones.py      torchvision networks; weight_files.py reads their weights, weights/ holds the bundled ones
features.py       frozen features, extracted once
errors.py         what can be wrong with what the user gave
stored_examples.py  examples too large for the object store, mapped from each node's cache
checkpoints.py    checkpoints of running trials
trainable.py      the adapter to Ray Tune
"""
