-- One row for each council tax account: who owes, what, where, and how they are reached.
--
-- Joins to what may be missing are outer ones: an account without a telephone number, a property or a bill is an
-- account all the same. Text that is padded with blanks is trimmed where it is compared.
WITH balances AS (
    -- No column holds the balance: it is the sum over the bills.
    SELECT account_ref, SUM(notice_balance) AS balance
    FROM ctnotice
    GROUP BY account_ref
),
homes AS (
    -- The newest occupation; one that goes on ends on 31 December 2099.
    SELECT account_ref, property_ref, occupation_date, vacation_date, live_ind,
           ROW_NUMBER() OVER (PARTITION BY account_ref ORDER BY vacation_date DESC, occupation_date DESC) AS n
    FROM ctoccupation
),
joined AS (
    SELECT account_ref, liab_name,
           ROW_NUMBER() OVER (PARTITION BY account_ref ORDER BY party_ref, liab_pos) AS n
    FROM ctliab_person
),
others AS (
    SELECT account_ref,
           MAX(CASE WHEN n = 1 THEN liab_name END) AS joint_1,
           MAX(CASE WHEN n = 2 THEN liab_name END) AS joint_2,
           MAX(CASE WHEN n = 3 THEN liab_name END) AS joint_3,
           COUNT(*) AS joint_count
    FROM joined
    GROUP BY account_ref
)
SELECT
    -- What people quote: the number and its check character.
    CONCAT(a.account_ref, TRIM(a.account_cd)) AS account_ref,
    CASE WHEN h.live_ind = 1 THEN 'OPEN' ELSE 'CLOSED' END AS status,
    h.occupation_date AS opened,
    h.vacation_date AS closed,
    b.balance AS balance,
    a.lead_liab_name AS lead_liab_name,
    a.lead_liab_pos AS lead_liab_pos,
    o.joint_1 AS joint_1,
    o.joint_2 AS joint_2,
    o.joint_3 AS joint_3,
    COALESCE(o.joint_count, 0) AS joint_count,
    CASE WHEN a.paymeth_code LIKE 'DD%' THEN 'DD'
         WHEN a.paymeth_code LIKE 'CASH%' THEN 'CASH'
         ELSE TRIM(a.paymeth_code) END AS payment_method,
    p.property_ref AS property_ref,
    p.uprn AS uprn,
    p.addr1 AS addr1,
    p.addr2 AS addr2,
    p.addr3 AS addr3,
    p.addr4 AS addr4,
    p.postcode AS postcode,
    a.for_addr1 AS for_addr1,
    a.for_addr2 AS for_addr2,
    a.for_addr3 AS for_addr3,
    a.for_postcode AS for_postcode,
    t.phonenum1 AS phonenum1,
    t.phonenum2 AS phonenum2,
    t.email AS email
FROM ctaccount a
LEFT JOIN balances b ON b.account_ref = a.account_ref
LEFT JOIN homes h ON h.account_ref = a.account_ref AND h.n = 1
LEFT JOIN ctproperty p ON p.property_ref = h.property_ref
LEFT JOIN others o ON o.account_ref = a.account_ref
-- The same number is a text in one table and a number in the other.
LEFT JOIN syphone t ON TRIM(t.ref) = CONCAT(a.account_ref, '')
