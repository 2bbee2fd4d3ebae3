"""What is read off docstrings."""

from study.config.docstrings import attributes, summary


class Bird:
    """A bird, that
    flies.

    Attributes:
        wings: how many.
        length, width: in centimetres, of the whole
            bird: beak to tail.
    """


class Swift(Bird):
    """A fast one.

    Attributes:
        wings: two, and long ones.
        nest: where it breeds.

    Raises:
        ValueError: it sits.
    """


class Silent(Bird):
    pass


def test_the_summary_is_the_docstring_on_one_line_without_the_attributes():
    assert summary(Bird) == "A bird, that flies."
    assert summary(Silent) == ""


def test_an_attribute_has_the_lines_below_its_name_and_each_name_before_a_colon_has_them():
    assert attributes(Bird) == {
        "wings": "how many.",
        "length": "in centimetres, of the whole bird: beak to tail.",
        "width": "in centimetres, of the whole bird: beak to tail.",
    }


def test_a_class_has_the_attributes_of_those_that_it_extends_and_may_describe_them_anew():
    assert attributes(Silent) == attributes(Bird)
    assert attributes(Swift) == {**attributes(Bird), "wings": "two, and long ones.", "nest": "where it breeds."}
