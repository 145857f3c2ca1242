"""Blind reading: people compare what base and tuned wrote without knowing which is which, and their answers are kept.

pairs.py       what there is to read, from the evaluation's samples.jsonl
order.py       who reads what in which order, from a seed that stays on the server
answers.py     readings.jsonl, beside the job's published folders: it only grows
interval.py    Wilson's interval and the exact test against chance
tally.py       the answers, counted
reading.py     all of it for one job
page.py        the pages for people; report.py the tally inside the report
wire.py        the calls for machines; pages.py those of a browser
"""
