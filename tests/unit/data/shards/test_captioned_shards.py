"""Of shards as of a folder: a share of captions goes to the pictures of a smaller training set."""

from diptych.data.example import ExampleRequest


def captioned_keys(data) -> set[str]:
    data.setup()
    examples = [data.splits["train"][ExampleRequest(i)] for i in range(data.splits["train"].size)]
    return {example.key for example in examples if example.captioned}


def test_the_captioned_pictures_are_those_of_a_smaller_training_set(tars, webdataset):
    whole = captioned_keys(webdataset(tars))
    some = captioned_keys(webdataset(tars, captioned_share=0.25))
    assert some == captioned_keys(webdataset(tars, train_size=round(0.25 * len(whole))))
    assert some != set(sorted(whole)[: len(some)])
