"""`transfer-study published`: tables from options, CSV and YAML, and what is wrong with them in one line."""

from __future__ import annotations

import pytest

SEED_STUDY = """\
name,accuracy,split
BetterCNN,0.758,
"Fine-tuned, lr 0.001",0.861,
"Fine-tuned, lr 0.0001",0.713,
SVM,0.872,test
"""
TWO = ("--accuracy", "0.861", "--accuracy", "0.872")


def said(told) -> str:
    """What was printed, without line breaks."""
    assert told.code == 0, told.err
    return " ".join(told.out.split())


@pytest.fixture
def saved(tmp_path):
    def write(text: str, name: str = "table.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_two_accuracies_are_compared_and_the_split_is_asked_for(transfer_study):
    told = said(transfer_study("published", *TWO, "--images", 1324))
    assert "approach 1 not known 0.861 1,324 1,140 0.841 to 0.879" in told
    assert "approach 2 not known 0.872 1,324 1,154 to 1,155 0.853 to 0.889" in told
    assert "approach 2 against approach 1: +1.1 points" in told
    assert "significant at the level 0.05 only if exactly one of the two is right on at most 50 to 57" in told
    assert "does not say which split" in told
    assert "Seeds are left out" in told


def test_with_a_split_it_is_not_asked_for(transfer_study):
    told = said(transfer_study("published", *TWO, "--images", 1324, "--split", "test"))
    assert "approach 1 test 0.861" in told
    assert "which split" not in told


def test_the_seed_studys_table_has_six_pairs(transfer_study, saved):
    told = said(transfer_study("published", "--table", saved(SEED_STUDY), "--images", 1324))
    assert told.count(" against ") == 6
    assert "Fine-tuned, lr 0.001 against BetterCNN: +10.3 points verdict Significant at the level 0.0083" in told
    assert "The split of some rows is not known" in told


def test_csv_and_yaml_say_the_same(transfer_study, saved):
    as_csv = saved("\ufeffname, accuracy, images, split\na, 0.860, 100, test\nb, 87%, 200, test\n")
    as_yaml = saved(
        "- {name: a, accuracy: 0.860, images: 100, split: test}\n"
        "- {name: b, accuracy: 87%, images: 200, split: test}\n",
        "table.yaml",
    )
    first, second = (transfer_study("published", "--table", path) for path in (as_csv, as_yaml))
    assert said(first) == said(second)
    assert "a test 0.860 100 86 " in said(first)
    assert "the numbers of images differ" in said(first)


def test_what_a_row_says_goes_before_the_options(transfer_study, saved):
    path = saved("name,accuracy,images\na,0.5,10\nb,0.5,\n")
    told = said(transfer_study("published", "--table", path, "--images", 20))
    assert "a not known 0.5 10 5 " in told
    assert "b not known 0.5 20 9 to 11 " in told


def test_names_are_printed_as_they_are(transfer_study, saved):
    path = saved("name,accuracy\nnet [bold],0.861\n[red]svm,0.872\n")
    assert "[red]svm against net [bold]" in said(transfer_study("published", "--table", path, "--images", 1324))


def test_a_loss_of_decisions_is_traced_to_its_convention(transfer_study, saved):
    path = saved("name,accuracy,one_hot_loss,classes\nSVM,0.872,2.872,16\nCNN,0.758,,\n")
    told = said(transfer_study("published", "--table", path, "--images", 1324))
    assert "SVM: a loss of 2.872 at accuracy 0.872 with 16 classes is neither" in told
    assert "every prediction is wrong" in told
    assert "CNN: a loss" not in told


def test_another_alpha_sets_the_level_and_the_intervals(transfer_study):
    told = said(transfer_study("published", *TWO, "--images", 1324, "--alpha", 0.01))
    assert "99 % interval" in told
    assert "at the level 0.01" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either --accuracy, once for each approach, or --table FILE"),
        ((*TWO, "--images", 1324, "--table", "t.csv"), "give either --accuracy"),
        (TWO, "--images is missing"),
        (("--accuracy", "0.861", "--images", 1324), "two accuracies or more are needed"),
        (("--accuracy", "86.1", *TWO, "--images", 1324), "approach 1: '86.1' is no accuracy"),
        ((*TWO, "--images", 100), "approach 1: no number of correct images out of 100 gives 0.861"),
        ((*TWO, "--images", 1324, "--split", "dev"), "split 'dev' is not one of train, valid, test"),
        ((*TWO, "--images", 1324, "--alpha", 2), "`0 < alpha < 0.5` must hold, but got alpha 2"),
        (("--table", "none.csv"), "none.csv: cannot be read (No such file or directory)"),
        (("--table", "table.txt"), "table.txt: not a .csv, .yaml or .yml file"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_line(transfer_study, arguments, words):
    assert words in transfer_study("published", *arguments).complaint


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "t.csv",
            "name,acc\na,0.5\n",
            "row 1: unknown column 'acc'; known are name, accuracy, images, split, one_hot_loss, classes",
        ),
        ("t.csv", "name,accuracy,images\na,0.5,10,test\n", "row 1: more values than the header has columns"),
        ("t.csv", "name,accuracy,images\na,0.5,10\nb,,10\n", "row 2: accuracy is missing"),
        ("t.csv", "name,accuracy\na,0.5\n", "row 1: images is missing here and as --images"),
        ("t.csv", "name,accuracy,images\na,0.5,ten\n", "row 1: images 'ten': "),
        ("t.csv", "name,accuracy,images\na,0.5,0\n", "row 1: images '0': input should be greater than or equal to 1"),
        ("t.csv", "name,accuracy,images\na,0.5,10\na,0.6,10\n", "a: more than one row has that name"),
        ("t.csv", "name,accuracy,images,one_hot_loss\na,0.5,10,-1\n", "row 1: one_hot_loss '-1': input should be"),
        ("t.csv", "name,accuracy,images,one_hot_loss\na,0.5,10,2\nb,0.6,10,\n", "a: one_hot_loss without classes; say"),
        ("t.csv", "", "two accuracies or more are needed to compare, but got 0"),
        ("t.yaml", "- {name: a, accuracy: [1]}\n", "row 1: accuracy ['1']: input should be a valid string"),
        ("t.yaml", "a: 0.5\nb: 0.6\n", "not a list of rows, each with a name and an accuracy"),
        ("t.yaml", "- {name: a", "not YAML"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(transfer_study, saved, name, text, words):
    assert words in transfer_study("published", "--table", saved(text, name)).complaint


def test_a_table_that_is_no_text_is_refused(transfer_study, tmp_path):
    (tmp_path / "t.csv").write_bytes(b"name,accuracy\n\xff\xfe,0.5\n")
    assert "t.csv: cannot be read" in transfer_study("published", "--table", tmp_path / "t.csv").complaint


def test_the_command_explains_itself(transfer_study):
    told = transfer_study("published", "--help")
    for word in ("--accuracy", "--images", "--table", "--split", "--alpha", "published accuracies alone"):
        assert word in " ".join(told.out.split())
