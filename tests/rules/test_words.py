from reviews.rules import words


def test_verbs_agree_with_the_names_before_them():
    assert (words.are("diazepam"), words.were("diazepam")) == ("is", "was")
    assert (words.are("diazepam and zopiclone"), words.were("a, b and c")) == ("are", "were")
