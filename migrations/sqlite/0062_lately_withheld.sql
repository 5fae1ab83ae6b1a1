-- What a hold kept back lately: it is looked at before each destination's messages are.
CREATE INDEX delivery_lately_withheld ON delivery (since_ms)
    WHERE state = 'held' AND cause_code = 'suppressed.hold' AND settled_ms IS NULL;
