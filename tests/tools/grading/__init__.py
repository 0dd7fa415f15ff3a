"""Grading notebooks that were handed in, one job a module.

``collect`` finds who handed in what, in the layouts that schools have · ``plan`` says which cells run · ``needs`` reads from
a cell's text which names it needs · ``isolation`` starts a process that can do no harm, and ends it · ``inside`` runs in it ·
``data`` is all that comes out of it · ``judge`` compares that with the course's solution · ``notebook`` grades one notebook ·
``alike`` finds pairs of answers that are · ``report`` writes tables and pages. ``tests/tools/grade.py`` is the command.
"""
